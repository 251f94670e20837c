"""What preprocessing gives, and arrays that go to the model as they are."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from edgeinfer.errors import DataError
from edgeinfer.frames import DTYPES, Array, TensorInfo
from edgeinfer.processing.geometry import Geometry
from edgeinfer.processing.quantization import quantize


@dataclass(frozen=True, slots=True)
class Prepared:
    """A model input with batch axis 1; `geometry` only for pictures."""

    tensor: Array
    geometry: Geometry | None = None


class TensorPreprocessor:
    """An array with or without its batch axis to `Prepared`.

    Numbers of another type are converted where nothing but precision is lost; real numbers for a
    quantized input are quantized with its parameters.
    """

    def __init__(self, tensor: TensorInfo) -> None:
        self._tensor = tensor
        self._dtype = DTYPES[tensor.dtype]

    def __call__(self, frame: Array) -> Prepared:
        """Raises DataError if shape or type do not fit the model's input."""
        return Prepared(np.asarray(self._convert(self._batch(frame)), order="C"))

    def _batch(self, frame: Array) -> Array:
        for array in (frame, frame[None]):
            if _fits(array.shape, self._tensor.shape):
                return array
        raise DataError(
            f"the model's input `{self._tensor.name}` has the shape {list(self._tensor.shape)},"
            f" this array {list(frame.shape)}"
        )

    def _convert(self, array: Array) -> Array:
        if array.dtype == self._dtype:
            return array
        real = np.issubdtype(array.dtype, np.floating)
        if real and self._tensor.quantization is not None:
            return quantize(finite(array, f"the array for `{self._tensor.name}`"), self._tensor)
        if not np.can_cast(array.dtype, self._dtype, "same_kind"):
            raise DataError(
                f"the model's input `{self._tensor.name}` is {self._tensor.dtype}, this array {array.dtype}"
            )
        return array.astype(self._dtype)


def finite(array: Array, what: str) -> Array:
    """The array itself. Raises DataError if it holds NaN or infinity."""
    if not np.isfinite(array).all():
        raise DataError(f"{what} holds NaN or infinity")
    return array


def _fits(shape: tuple[int, ...], wanted: tuple[int, ...]) -> bool:
    return (
        len(shape) == len(wanted)
        and shape[:1] in ((), (1,))
        and all(want in (-1, have) for have, want in zip(shape, wanted, strict=True))
    )
