"""Pictures into tensors: resize, colour order, normalization, quantization and layout.

The values of a channel are a function of 256 possible bytes, so normalization and quantization are one
table of 256 entries a channel, computed once in double precision. Splitting into planes and looking each
of them up (OpenCV's LUT) was the fastest correct way measured, ahead of NumPy arithmetic, `numpy.take`
and `cv2.dnn.blobFromImage`.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from edgeinfer.errors import DataError, ModelError
from edgeinfer.frames import DTYPES, Array, TensorInfo
from edgeinfer.opencv import cv2
from edgeinfer.processing.geometry import Placement, place
from edgeinfer.processing.quantization import quantize
from edgeinfer.processing.spec import ImageInput
from edgeinfer.processing.tensor import Prepared

_INTERPOLATIONS = {
    "area": cv2.INTER_AREA,
    "bicubic": cv2.INTER_CUBIC,
    "bilinear": cv2.INTER_LINEAR,
    "nearest": cv2.INTER_NEAREST,
}
_DTYPES = ("float32", "int8", "uint8")


class ImagePreprocessor:
    """A BGR frame (height, width, 3) uint8 to `Prepared`; the tensor is fresh and contiguous.

    The placement is computed once for each size of frame in a row.
    """

    def __init__(self, spec: ImageInput, tensor: TensorInfo) -> None:
        """Raises ModelError if the tensor cannot hold the specified picture."""
        self._spec = spec
        self._layout = find_layout(spec, tensor)
        self._shape = _concrete_shape(spec, self._layout, len(tensor.shape))
        self._tables = build_tables(spec, tensor)
        self._dtype = DTYPES[tensor.dtype]
        self._identity = all(np.array_equal(table, np.arange(256)) for table in self._tables)
        self._padding = [table[spec.pad] for table in self._tables]
        # What OpenCV takes for interleaved channels: (256, 1, channels).
        self._joint_table = np.stack(self._tables, axis=1)[:, None]
        self._interpolation = _INTERPOLATIONS[spec.interpolation]
        self._frame_shape: tuple[int, ...] = ()
        self._placement: Placement | None = None

    def __call__(self, frame: Array) -> Prepared:
        """Raises DataError for anything but a BGR picture."""
        placement = self._place(frame)
        picture = self._resize(frame, placement)
        write = self._planes if self._layout == "nchw" else self._interleaved
        return Prepared(write(picture, placement).reshape(self._shape), placement.geometry)

    def _place(self, frame: Array) -> Placement:
        if self._placement is None or frame.shape != self._frame_shape:
            if frame.ndim != 3 or frame.shape[2] != 3 or 0 in frame.shape:
                raise DataError(f"a picture of shape (height, width, 3) is needed, this is {frame.shape}")
            self._placement = place(self._spec, frame.shape[1], frame.shape[0])
            self._frame_shape = frame.shape
        if frame.dtype != np.uint8:
            raise DataError(f"a picture of uint8 is needed, this is {frame.dtype}")
        return self._placement

    def _resize(self, frame: Array, placement: Placement) -> Array:
        if placement.resized != (frame.shape[1], frame.shape[0]):
            frame = cv2.resize(frame, placement.resized, interpolation=self._interpolation)
        (x, y), (width, height) = placement.crop, placement.extent
        frame = frame[y : y + height, x : x + width]
        return cv2.cvtColor(frame, cv2.COLOR_BGR2GRAY) if self._spec.color == "gray" else frame

    def _planes(self, picture: Array, placement: Placement) -> Array:
        width, height = self._spec.size
        planes = (picture,) if self._spec.color == "gray" else cv2.split(picture)
        if self._spec.color == "rgb":
            planes = planes[::-1]
        tensor = np.empty((len(planes), height, width), self._dtype)
        for plane, target, table, padding in zip(planes, tensor, self._tables, self._padding, strict=True):
            self._look_up(plane, _window(target, placement, padding), table)
        return tensor

    def _interleaved(self, picture: Array, placement: Placement) -> Array:
        width, height = self._spec.size
        if self._spec.color == "rgb":
            picture = cv2.cvtColor(picture, cv2.COLOR_BGR2RGB)
        gray = self._spec.color == "gray"
        tensor = np.empty((height, width) if gray else (height, width, 3), self._dtype)
        padding = self._padding[0] if gray else self._padding
        self._look_up(picture, _window(tensor, placement, padding), self._joint_table)
        return tensor

    def _look_up(self, picture: Array, target: Array, table: Array) -> None:
        if self._identity:
            np.copyto(target, picture, casting="unsafe")
        else:
            # `dst` is written where it lies only if type and size fit, as they do here; tests hold that.
            cv2.LUT(picture, table, dst=target)


def _window(tensor: Array, placement: Placement, padding: Any) -> Array:
    (x, y), (width, height) = placement.origin, placement.extent
    if (height, width) != tensor.shape[:2]:
        tensor[...] = padding
    return tensor[y : y + height, x : x + width]


def build_tables(spec: ImageInput, tensor: TensorInfo) -> list[Array]:
    """For each channel, in the order of `color`, what the model gets for each of the 256 byte values.

    (x - mean) / std, quantized as the tensor is. Raises ModelError for a type that no table is made for.
    """
    if tensor.dtype not in _DTYPES:
        raise ModelError(
            f"the model's input `{tensor.name}` is {tensor.dtype}; images go into {', '.join(_DTYPES)}"
        )
    values = np.arange(256, dtype=np.float64)
    mean, std = (_each(numbers, spec.channels) for numbers in (spec.mean, spec.std))
    return [quantize((values - mean[c]) / std[c], tensor) for c in range(spec.channels)]


def find_layout(spec: ImageInput, tensor: TensorInfo) -> str:
    """`nchw` or `nhwc`, from the specification or, for `auto`, from the tensor's shape.

    A gray picture may go without its channel axis. Raises ModelError if the picture does not fit.
    """
    wanted = ("nchw", "nhwc") if spec.layout == "auto" else (spec.layout,)
    for layout in wanted:
        shape = _concrete_shape(spec, layout, len(tensor.shape))
        if len(shape) == len(tensor.shape) and _fits(tensor.shape, shape):
            return layout
    width, height = spec.size
    raise ModelError(
        f"the model's input `{tensor.name}` has the shape {list(tensor.shape)}, which cannot hold"
        f" {width} x {height} pixels with {spec.channels} channels ({' or '.join(wanted)})",
        hint="correct size, color or layout of the [[input]] in the pipeline",
    )


def _concrete_shape(spec: ImageInput, layout: str, rank: int) -> tuple[int, ...]:
    width, height = spec.size
    if rank == 3 and spec.channels == 1:
        return 1, height, width
    return (1, spec.channels, height, width) if layout == "nchw" else (1, height, width, spec.channels)


def _fits(shape: tuple[int, ...], wanted: tuple[int, ...]) -> bool:
    return all(have in (-1, want) for have, want in zip(shape, wanted, strict=True))


def _each(numbers: tuple[float, ...], count: int) -> tuple[float, ...]:
    return numbers * count if len(numbers) == 1 else numbers
