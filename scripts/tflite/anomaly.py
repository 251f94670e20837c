"""The anomaly detector of MLPerf Tiny as one more task of the zoo's own program.

The zoo has one recording for it. The first part calibrates, the last scores; what lies between shares
frames with the first. There is nothing to tell anomalies from: the metric is the mean squared error of
the reconstruction.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from edgeinfer.frames import Array
from scripts.quantization.tasks import Zoo, open_zoo
from scripts.tflite.material import FRAMES, spectrogram_windows

NAME, METRIC = "ad_toycar", "MSE"
MODEL = "models/mlperf_tiny/ad_toycar_autoencoder_fp32.onnx"
CALIBRATION_WINDOWS = 128


def open_zoo_with_anomaly(folder: Path) -> Zoo:
    """The zoo with the task `ad_toycar`. Raises UsageError, MissingRuntimeError."""
    zoo = open_zoo(folder)
    make = zoo.program.Task
    zoo.program.TASKS[NAME] = make(MODEL, METRIC, lambda: parts(folder)[0], lambda: _test(folder), error)
    return zoo


def parts(folder: Path) -> tuple[Array, Array]:
    """Windows to calibrate on and windows to score, without a frame in common."""
    windows = spectrogram_windows(folder)
    return windows[:CALIBRATION_WINDOWS], windows[CALIBRATION_WINDOWS + FRAMES - 1 :]


def _test(folder: Path) -> tuple[Array, Array]:
    windows = parts(folder)[1]
    return windows, windows


def error(outputs: list[Array], truth: Array) -> float:
    """The mean squared difference of reconstructions and inputs."""
    return float(np.mean((np.stack(outputs).reshape(truth.shape) - truth) ** 2))
