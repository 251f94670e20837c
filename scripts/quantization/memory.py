"""Peak memory of our converter by number of calibration samples, against running the float model."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np

from edgeinfer.frames import Array
from scripts.quantization.measured_run import run_measured
from scripts.quantization.ours import Converter
from scripts.quantization.peers import WORKERS
from scripts.quantization.results import Memory
from scripts.quantization.tasks import Zoo

COUNTS = (64, 1024)
FLOAT_RUNS = 10


def measure_memory(zoo: Zoo, task: str, converter: Converter, folder: Path) -> Memory:
    """Convert with each number of samples, the set repeated as often as needed. Raises ToolError."""
    inputs = zoo.calibration(task)
    model = zoo.float_model(task)
    peaks = {}
    for count in COUNTS:
        path = folder / f"{task}-{count}.npz"
        np.savez(path, input=repeated(inputs, count))
        try:
            peaks[count] = converter.convert(model, path, folder / f"{task}-{count}.onnx").peak_bytes
        finally:
            path.unlink()
    command: list[str | Path] = [sys.executable, "-P", WORKERS / "run_float.py"]
    command += [model, str(FLOAT_RUNS)]
    cost = run_measured(command, folder / f"{task}-float.log", timeout_s=converter.timeout_s)
    return Memory(task=task, float_bytes=cost.peak_bytes, peaks=peaks)


def repeated(inputs: Array, count: int) -> Array:
    """The first `count` samples of the set, begun again as often as needed."""
    return inputs[np.arange(count) % len(inputs)]
