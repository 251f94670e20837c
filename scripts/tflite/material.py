"""The zoo's float models, and real inputs for each: its own data, or pictures preprocessed for it."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import numpy as np

from edgeinfer.errors import ModelError
from edgeinfer.frames import Array
from edgeinfer_converters.sources.source import FORMATS, read_source
from scripts.quantization.tasks import TASKS, Zoo

MNIST_HEADER_BYTES = 16
BINS, FRAMES = 128, 5
"""Of a spectrogram, and how many of its frames an input of the anomaly detector is."""


def float_models(zoo: Zoo) -> tuple[Path, ...]:
    """All ONNX and TFLite models that do not compute with integers. Raises ModelError."""
    found = sorted(one for one in (zoo.folder / "models").rglob("*") if one.suffix in FORMATS)
    return tuple(one for one in found if not _is_integer(one))


def _is_integer(path: Path) -> bool:
    try:
        return read_source(path).quantized
    except ModelError:
        return False  # it is shown with its fault


def task_of(zoo: Zoo, model: Path) -> str | None:
    """The task whose network this is, in whatever format."""
    return next((task for task in TASKS if zoo.float_model(task).stem == model.stem), None)


def real_inputs(zoo: Zoo, model: Path, shape: tuple[int, ...], count: int) -> Array:
    """Up to `count` inputs for a model that takes (1, …) float32. Raises ModelError if there are none."""
    task = task_of(zoo, model)
    if task is not None:
        found = zoo.calibration(task)
    elif model.stem.startswith("ad_toycar"):
        found = spectrogram_windows(zoo.folder)
    elif model.stem.startswith("mnist"):
        found = _digits(zoo.folder, scale=255.0 if "lstm" in model.stem else 1.0)
    else:
        found = _pictures(zoo.folder, model, shape)
    return np.ascontiguousarray(found[:count].reshape(-1, *shape[1:]), np.float32)


def spectrogram_windows(folder: Path) -> Array:
    """All runs of five frames of the one recording there is, (windows, 640) float32."""
    recording = np.fromfile(next((folder / "datasets" / "ad").glob("*.bin")), "<f4").reshape(-1, BINS)
    windows = np.lib.stride_tricks.sliding_window_view(recording, (FRAMES, BINS))
    return windows.reshape(-1, FRAMES * BINS).astype(np.float32)


def _digits(folder: Path, scale: float) -> Array:
    stored = (folder / "datasets" / "mnist" / "t10k-images-idx3-ubyte.gz").read_bytes()
    pixels = np.frombuffer(gzip.decompress(stored), np.uint8, offset=MNIST_HEADER_BYTES)
    return (pixels.reshape(-1, 28, 28) / np.float32(scale)).astype(np.float32)


def _pictures(folder: Path, model: Path, shape: tuple[int, ...]) -> Array:
    """The zoo's photographs, stretched to the input's size; mean and std stand beside the model."""
    from edgeinfer.opencv import cv2

    if len(shape) != 4 or 3 not in (shape[1], shape[3]):
        raise ModelError(f"{model.name}: the zoo has no data for inputs of shape {shape}")
    first = shape[1] == 3
    height, width = shape[2:] if first else shape[1:3]
    facts = json.loads(model.with_name(model.name + ".json").read_text(encoding="utf-8"))
    mean, std = (np.array(facts[name], np.float32) for name in ("mean", "std"))
    unit = np.float32(255 if str(facts.get("scale", "")).startswith("x/255") else 1)
    paths = sorted((folder / "datasets" / "images").iterdir())
    read = (cv2.imread(str(path)) for path in paths)
    images = [cv2.resize(one, (width, height))[..., ::-1] for one in read if one is not None]
    scaled = (np.stack(images).astype(np.float32) / unit - mean) / std
    return scaled.transpose(0, 3, 1, 2) if first else scaled
