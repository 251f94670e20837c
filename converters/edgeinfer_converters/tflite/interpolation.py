"""What Resize computes along one axis, as a matrix or as indices: all its coordinates are known beforehand.

Source: the operator Resize in ONNX's Operators.md; the cubic kernel is that of R. Keys, Cubic convolution
interpolation for digital image processing (1981).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from edgeinfer.frames import Array
from edgeinfer_converters.tflite.faults import UnsupportedError


@dataclass(frozen=True)
class Axis:
    """How one axis is resized.

    `before`, `after`: its lengths. `scale`: what ONNX was given, which may not be their ratio.
    `roi`: start and end of the part that is kept, as shares of the axis.
    """

    before: int
    after: int
    scale: float
    roi: tuple[float, float] = (0.0, 1.0)

    def coordinates(self, transform: str) -> Array:
        """Where each new place lies on the old axis, float64. Raises UnsupportedError."""
        places, length = np.arange(self.after, dtype=np.float64), self.scale * self.before
        half: Array = (places + 0.5) / self.scale - 0.5
        if transform == "half_pixel":
            return half
        if transform == "pytorch_half_pixel":
            return np.full(self.after, -0.5) if length == 1 else half
        if transform == "half_pixel_symmetric":
            return self.before / 2 * (1 - self.after / length) + half
        if transform == "asymmetric":
            return np.asarray(places / self.scale)
        if transform == "align_corners":
            return np.asarray(places * (self.before - 1) / (length - 1 if length != 1 else 1))
        if transform == "tf_crop_and_resize":
            return self._cropped(places, length)
        raise UnsupportedError(f"the coordinates `{transform}` are not known")

    def _cropped(self, places: Array, length: float) -> Array:
        """In float32 where ONNX's own numbers are: else a rounding falls to the other side."""
        last = self.before - 1
        start, end = np.float32(self.roi[0]), np.float32(self.roi[1])
        if length == 1:
            middle = (end - start) * np.float32(last) / 2
            return np.full(self.after, float(start * np.float32(last)) + float(middle))
        first = float(start * np.float32(last))
        return np.asarray(first + places * float(end - start) * last / (length - 1))

    def is_disputed(self, transform: str) -> bool:
        """Whether runtimes differ on the coordinates: align_corners by a factor that gives no whole length.

        ONNX's reference takes the length that the factor gives, ONNX Runtime that of the result, as the
        frameworks do that such models come from.
        """
        whole = np.isclose(self.scale * self.before, self.after, rtol=0.0, atol=1e-3)
        return transform == "align_corners" and not whole and min(self.before, self.after) > 1

    def outside(self, transform: str) -> Array:
        """Whether each new place lies off the old axis, where only tf_crop_and_resize minds."""
        if transform != "tf_crop_and_resize":
            return np.zeros(self.after, bool)
        where = self.coordinates(transform)
        return (where < 0) | (where > self.before - 1)


def nearest(axis: Axis, transform: str, rounding: str) -> Array:
    """The old index for each new one. Raises UnsupportedError."""
    where = axis.coordinates(transform)
    rounded: dict[str, Callable[[Array], Array]] = {
        "floor": np.floor,
        "ceil": np.ceil,
        "round_prefer_floor": lambda places: np.ceil(places - 0.5),
        "round_prefer_ceil": lambda places: np.floor(places + 0.5),
    }
    if rounding not in rounded:
        raise UnsupportedError(f"the rounding `{rounding}` is not known")
    return np.clip(rounded[rounding](where), 0, axis.before - 1).astype(np.int64)


def linear(axis: Axis, transform: str, *, antialias: bool, exclude_outside: bool) -> Array:
    """The matrix (after, before) of linear interpolation, float64."""
    return _matrix(
        axis, transform, 1.0, lambda gap: np.maximum(1 - np.abs(gap), 0), antialias, exclude_outside
    )


def cubic(axis: Axis, transform: str, factor: float, *, antialias: bool, exclude_outside: bool) -> Array:
    """The matrix (after, before) of cubic interpolation, float64; `factor` is the kernel's free number."""

    def kernel(gap: Array) -> Array:
        far = np.abs(gap)
        inner = (factor + 2) * far**3 - (factor + 3) * far**2 + 1
        outer = factor * (far**3 - 5 * far**2 + 8 * far - 4)
        return np.where(far <= 1, inner, np.where(far < 2, outer, 0.0))

    return _matrix(axis, transform, 2.0, kernel, antialias, exclude_outside)


def _matrix(
    axis: Axis,
    transform: str,
    reach: float,
    kernel: Callable[[Array], Array],
    antialias: bool,  # noqa: FBT001
    exclude_outside: bool,  # noqa: FBT001
) -> Array:
    """Weights of a kernel around each coordinate; what lies off the axis counts for its border."""
    where = axis.coordinates(transform)
    stretch = min(axis.scale, 1.0) if antialias else 1.0
    steps = int(np.ceil(reach / stretch)) + 1
    indices = np.floor(where).astype(np.int64)[:, None] + np.arange(-steps, steps + 1)
    weights = kernel((indices - where[:, None]) * stretch)
    if exclude_outside:
        weights = np.where((indices < 0) | (indices >= axis.before), 0.0, weights)
    weights[axis.outside(transform)] = 0.0
    sums = weights.sum(1, keepdims=True)
    if antialias or exclude_outside:
        weights = weights / np.where(sums == 0, 1.0, sums)
    matrix: Array = np.zeros((axis.after, axis.before))
    rows = np.repeat(np.arange(axis.after), indices.shape[1])
    np.add.at(matrix, (rows, indices.clip(0, axis.before - 1).reshape(-1)), weights.reshape(-1))
    return matrix


def is_identity(matrix: Array) -> bool:
    """Whether a matrix changes nothing."""
    return bool(np.array_equal(matrix, np.eye(len(matrix))))


def tflite_nearest(before: int, after: int, *, align: bool, half: bool) -> Array:
    """The indices of RESIZE_NEAREST_NEIGHBOR, computed in float32 as its kernel does.

    Source: tensorflow/lite/kernels/internal/reference/resize_nearest_neighbor.h.
    """
    scale = _tflite_scale(before, after, align=align)
    places = np.arange(after, dtype=np.float32) + np.float32(0.5 if half else 0.0)
    scaled = places * scale
    rounded: Array = np.floor(scaled + np.float32(0.5)) if align else np.floor(scaled)
    return np.clip(rounded, 0, before - 1).astype(np.int64)


def tflite_linear(before: int, after: int, *, align: bool, half: bool) -> Array:
    """The matrix of RESIZE_BILINEAR along one axis.

    Source: tensorflow/lite/kernels/internal/reference/resize_bilinear.h.
    """
    scale = _tflite_scale(before, after, align=align)
    places = np.arange(after, dtype=np.float32)
    where = (places + np.float32(0.5)) * scale - np.float32(0.5) if half else places * scale
    lower = np.maximum(np.floor(where), 0).astype(np.int64)
    upper = np.minimum(np.ceil(where), before - 1).astype(np.int64)
    share = (where - lower).astype(np.float64)
    matrix: Array = np.zeros((after, before))
    np.add.at(matrix, (np.arange(after), lower.clip(0, before - 1)), 1 - share)
    np.add.at(matrix, (np.arange(after), upper.clip(0, before - 1)), share)
    return matrix


def _tflite_scale(before: int, after: int, *, align: bool) -> np.float32:
    if align and after > 1:
        return np.float32(before - 1) / np.float32(after - 1)
    return np.float32(before) / np.float32(after)
