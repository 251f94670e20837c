"""Pictures of another size."""

from __future__ import annotations

import numpy as np

from edgeinfer.errors import ModelError
from edgeinfer.frames import Array
from edgeinfer_converters.importers.tflite_graph.step import Step

MAX_SIDE = 2**16


def resize_bilinear(step: Step) -> None:
    """Each pixel from its four neighbours."""
    mode = "asymmetric"
    if step.options.flag("alignCorners"):
        mode = "align_corners"
    elif step.options.flag("halfPixelCenters"):
        mode = "half_pixel"
    _resize(step, mode="linear", coordinate_transformation_mode=mode)


def resize_nearest_neighbor(step: Step) -> None:
    """Each pixel from one other. Whole factors are a Resize, for which there are integer kernels.

    Others name the rows and columns, computed here in float32 as TFLite does: what is nearest may hang on
    the last bit.
    """
    sizes, out = (step.tensor(0).size(1), step.tensor(0).size(2)), _new_size(step)
    aligned, centred = step.options.flag("alignCorners"), step.options.flag("halfPixelCenters")
    whole = all(size and not new % size for new, size in zip(out, sizes, strict=True))
    if whole and not aligned:
        _resize(
            step,
            mode="nearest",
            coordinate_transformation_mode="half_pixel" if centred else "asymmetric",
            nearest_mode="round_prefer_ceil" if centred else "floor",
        )
        return
    name = step.planes(0)
    for axis, (size, new) in enumerate(zip(sizes, out, strict=True), start=2):
        indices = step.constant(_nearest(size, new, aligned=aligned, centred=centred))
        name = step.emit("Gather", name, indices, axis=axis)
    step.write(name, planes=True)


def _nearest(size: int, new: int, *, aligned: bool, centred: bool) -> Array:
    """Which of `size` elements stand for each of `new`.

    Source: tensorflow/lite/kernels/internal/reference/resize_nearest_neighbor.h.
    """
    ends = aligned and new > 1
    scale = np.float32((size - 1) / (new - 1)) if ends else np.float32(size) / np.float32(new)
    offset = np.float32(0.5 if centred else 0.0)
    places = (np.arange(new, dtype=np.float32) + offset) * scale
    found = np.floor(places + np.float32(0.5)) if aligned else np.floor(places)
    indices: Array = np.clip(found, 0, max(size - 1, 0)).astype(np.int64)
    return indices


def _resize(step: Step, **attributes: str) -> None:
    tensor = step.tensor(0)
    height, width = _new_size(step)
    factors = [1.0, 1.0, _factor(tensor.size(1), height), _factor(tensor.size(2), width)]
    name = step.emit("Resize", step.planes(0), "", step.constant(factors, "float32"), **attributes)
    step.write(name, planes=True)


def _factor(size: int, new: int) -> float:
    """The least float32 that is not below new / size: ONNX rounds the new size down."""
    factor = np.float32(new / size)
    return float(factor if float(factor) * size >= new else np.nextafter(factor, np.float32(np.inf)))


def _new_size(step: Step) -> tuple[int, int]:
    size, tensor = step.wholes(1, "size"), step.tensor(0)
    if tensor.rank != 4 or len(size) != 2 or not all(1 <= side <= MAX_SIDE for side in size):
        raise ModelError(f"{step.where}: {size} is no size for a tensor of rank {tensor.rank}")
    if not (tensor.size(1) and tensor.size(2)):
        raise ModelError(f"{step.where}: `{tensor.name}` is empty")
    return size[0], size[1]
