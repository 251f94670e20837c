"""Sliding windows of sensor rows: assembling them, and normalizing them for the model."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence

import numpy as np

from edgeinfer.errors import DataError, ModelError
from edgeinfer.frames import Array, TensorInfo
from edgeinfer.processing.quantization import quantize
from edgeinfer.processing.spec import WindowInput
from edgeinfer.processing.tensor import Prepared, finite


class Windows:
    """Rows in, windows out: the first after `length` rows, then one every `stride` rows.

    Where `stride` is larger than `length` the rows between two windows are left out.
    """

    def __init__(self, length: int, stride: int) -> None:
        self._stride = stride
        self._rows: deque[Sequence[float] | Array] = deque(maxlen=length)
        self._missing = length

    def push(self, row: Sequence[float] | Array) -> Array | None:
        """Take one row; the window (length, columns) float32 that it completes, or None."""
        self._rows.append(row)
        self._missing -= 1
        if self._missing:
            return None
        self._missing = self._stride
        return np.array(self._rows, np.float32)


class WindowPreprocessor:
    """A window (length, columns) to `Prepared`: normalized by column, in the model's shape and type.

    The model may want (1, length, columns), the transpose of it, either with further axes of one, or
    all numbers in one row, row by row.
    """

    def __init__(self, spec: WindowInput, tensor: TensorInfo) -> None:
        """Raises ModelError if the model's input cannot hold such a window."""
        self._tensor = tensor
        self._window_shape = (spec.length, len(spec.columns))
        self._shape, self._transposed = fit_window(self._window_shape, tensor)
        self._mean = np.array(spec.mean, np.float32)
        self._std = np.array(spec.std, np.float32)

    def __call__(self, frame: Array) -> Prepared:
        """Raises DataError for another shape, NaN and infinity."""
        if frame.shape != self._window_shape:
            raise DataError(
                f"a window of {self._window_shape[0]} rows and {self._window_shape[1]} columns is needed,"
                f" this has the shape {list(frame.shape)}"
            )
        rows = (finite(frame, "the window") - self._mean) / self._std
        if self._transposed:
            rows = rows.T
        return Prepared(np.ascontiguousarray(quantize(rows, self._tensor).reshape(self._shape)))


def fit_window(window: tuple[int, int], tensor: TensorInfo) -> tuple[tuple[int, ...], bool]:
    """The tensor's shape without open dimensions, and whether rows and columns change places."""
    sides = tuple(side for side in tensor.shape[1:] if side != 1)
    size = window[0] * window[1]
    wanted, turned = (tuple(side for side in shape if side != 1) for shape in (window, window[::-1]))
    if tensor.shape[:1] in ((1,), (-1,)):
        for layout, transposed in ((wanted, False), (turned, True), ((size,), False)):
            if len(sides) == len(layout) and all(a in (-1, b) for a, b in zip(sides, layout, strict=True)):
                left = iter(layout)
                return (1, *(1 if side == 1 else next(left) for side in tensor.shape[1:])), transposed
    raise ModelError(
        f"the model's input `{tensor.name}` has the shape {list(tensor.shape)}, which cannot hold"
        f" a window of {window[0]} rows and {window[1]} columns",
        hint="correct length or columns of the [[input]] in the pipeline",
    )
