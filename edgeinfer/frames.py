"""What flows through the pipeline: frames of a source and the tensors of a model."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

import numpy as np
import numpy.typing as npt

from edgeinfer.strict import Struct

Array = npt.NDArray[Any]

_INTEGERS = ("int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64")
DTYPES: dict[str, np.dtype[Any]] = {
    name: np.dtype(name) for name in ("bool", "float16", "float32", "float64", *_INTEGERS)
}
"""The element types that a tensor may have, by the name that manifests use."""


@dataclass(frozen=True, slots=True)
class Frame:
    """One thing to infer on, and when it was captured.

    `data` is an image (height, width, 3) uint8 in BGR order as OpenCV gives it, a window of sensor
    rows (length, columns) float32, or a tensor as it is. `captured_at` is UTC; `captured_s` is
    `time.monotonic()` at the same moment, for ages and durations.
    """

    data: Array
    sequence: int
    captured_at: datetime
    captured_s: float
    name: str = ""

    @property
    def size(self) -> tuple[int, int]:
        """Width and height of an image; columns and length of a window; a row of numbers has the length 1."""
        length, width = self.data.shape[:2] if self.data.ndim > 1 else (1, self.data.size)
        return width, length


class Quantization(Struct, frozen=True):
    """real = scale * (stored - zero_point), for a whole tensor."""

    scale: float
    zero_point: int


class TensorInfo(Struct, frozen=True):
    """An input or output of a model. `shape` has -1 where the model leaves a dimension open."""

    name: str
    dtype: str
    shape: tuple[int, ...]
    quantization: Quantization | None = None
