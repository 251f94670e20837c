"""What samples and the activations that they lead to must be."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping

import numpy as np
import onnx

from edgeinfer.errors import DataError
from edgeinfer.frames import Array
from edgeinfer_converters.graph.shapes import OPEN
from edgeinfer_converters.graph.view import GraphView


def numbered(
    samples: Iterable[Mapping[str, Array]], known: int = 0
) -> Iterator[tuple[int, Mapping[str, Array]]]:
    """Samples and their numbers, behind those that are known. Raises DataError if there is none at all."""
    number = known
    for number, sample in enumerate(samples, known + 1):
        yield number, sample
    if not number:
        raise DataError("there are no calibration samples", hint="give some tens of typical inputs")


def sample_name(number: int, total: int) -> str:
    """What messages call a sample, of which `total` are expected."""
    return f"calibration sample {number} of {max(total, number)}"


def check_sample(view: GraphView, sample: Mapping[str, Array], where: str) -> None:
    """Raises DataError, which begins with `where`, unless a sample has the graph's inputs, finite numbers."""
    if set(sample) != set(view.inputs):
        raise DataError(
            f"{where}: expected the inputs {_list(view.inputs)}, got {_list(sample)}",
            hint="name the arrays as the model names its inputs",
        )
    for value in view.model.graph.input:
        if value.name in view.inputs:
            _check_array(view, value, sample[value.name], f"{where}: input `{value.name}`")


def _check_array(view: GraphView, value: onnx.ValueInfoProto, array: Array, where: str) -> None:
    dtype = onnx.helper.tensor_dtype_to_np_dtype(value.type.tensor_type.elem_type)
    if array.dtype != dtype:
        raise DataError(f"{where}: expected {dtype}, got {array.dtype}", hint="convert the calibration data")
    shape = view.shapes[value.name]
    fits = len(shape) == array.ndim and all(
        want in (OPEN, got) for want, got in zip(shape, array.shape, strict=True)
    )
    if not fits:
        raise DataError(
            f"{where}: expected the shape {list(shape)}, got {list(array.shape)}",
            hint="calibration data must be preprocessed as the model's input is, with the batch axis",
        )
    if array.dtype.kind == "f":
        check_finite(array, where)


def check_finite(values: Array, where: str) -> None:
    """Raises DataError, which begins with `where`, for NaN or infinity."""
    # They show in the sum of squares: one fast pass, and no array of flags. Large numbers may overflow it,
    # and are looked at one by one. (Other threads wait for `@`, but not for `dot`.)
    flat = values.reshape(-1)
    with np.errstate(over="ignore", invalid="ignore"):
        fine = np.isfinite(np.dot(flat, flat))
    if not fine and not np.isfinite(flat).all():
        raise _not_finite(where)


def finite_extremes(values: Array, where: str) -> tuple[float, float]:
    """The least and the greatest value, 0 and 0 where there is none. Raises DataError, as `check_finite`."""
    if not values.size:
        return 0.0, 0.0
    with np.errstate(invalid="ignore"):
        low, high = float(values.min()), float(values.max())
    if not (math.isfinite(low) and math.isfinite(high)):
        raise _not_finite(where)
    return low, high


def _not_finite(where: str) -> DataError:
    return DataError(f"{where} holds NaN or infinity", hint="look at this sample, or leave it out")


def _list(names: Iterable[str]) -> str:
    return ", ".join(f"`{name}`" for name in names) or "none"
