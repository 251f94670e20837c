"""Operators and constants, appended one by one."""

from __future__ import annotations

from itertools import permutations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgeinfer_converters.tflite.faults import UnsupportedError
from edgeinfer_converters.tflite.tensors import Graph, Quant
from edgeinfer_converters.tflite.writing import Writer, computed_as, narrowed
from tests.fixtures.lite import normal


def writer(*shape: int, dtype: str = "float32", quant: Quant | None = None) -> Writer:
    """A graph of one tensor, number 0."""
    graph = Graph()
    graph.tensor("x", shape, dtype, quant)
    return Writer(graph)


def codes(at: Writer) -> list[str]:
    return [operator.code for operator in at.graph.operators]


@pytest.mark.parametrize(
    ("dtype", "wanted"),
    [
        ("uint8", "int32"),
        ("float16", "float32"),
        ("float64", "float32"),
        ("int64", "int64"),
        ("bool", "bool"),
    ],
)
def test_types_that_are_computed_in(dtype: str, wanted: str) -> None:
    assert computed_as(np.dtype(dtype)) == wanted
    assert narrowed(np.ones(2, dtype)).dtype == wanted


@given(st.floats(allow_nan=True))
def test_doubles_are_narrowed_unless_they_are_too_large(value: float) -> None:
    # From the middle between float32's largest number and what would come next on, rounding gives infinity.
    if np.isfinite(value) and abs(value) >= 2.0**128 - 2.0**103:
        with pytest.raises(UnsupportedError, match="exceeds what float32 can hold"):
            narrowed(np.array([value]))
    else:
        np.testing.assert_array_equal(narrowed(np.array([value])), np.array([value], np.float32))


@pytest.mark.parametrize("order", list(permutations(range(3))))
def test_constants_are_turned_beforehand_as_tensors_are_on_the_device(order: tuple[int, ...]) -> None:
    values = normal(2, 3, 4)
    at = writer(2, 3, 4)
    turned = at.graph.tensors[at.transpose(at.const(values), order)]
    assert turned.data is not None
    np.testing.assert_array_equal(turned.data, values.transpose(order))
    assert codes(at) == []
    assert at.graph.tensors[at.transpose(0, order)].shape == turned.shape
    assert at.transpose(0, order) == at.transpose(0, order)
    assert codes(at) == ([] if order == (0, 1, 2) else ["TRANSPOSE"])


def test_sides_of_length_one_change_places_by_a_reshape() -> None:
    at = writer(1, 4, 1, 3)
    at.transpose(0, (2, 0, 1, 3))
    assert codes(at) == ["RESHAPE"]


def test_reshapes_of_constants_and_to_the_same_shape_are_none() -> None:
    at = writer(2, 3)
    assert at.reshape(0, (2, 3)) == 0
    assert at.graph.tensors[at.reshape(at.const([1, 2, 3, 4]), (2, 2))].shape == (2, 2)
    assert codes(at) == []
    assert at.reshape_anew(0) != 0
    assert at.graph.tensors[at.reshape(0, (3, 2))].shape == (3, 2)
    assert codes(at) == ["RESHAPE", "RESHAPE"]


def test_casts_and_dequantizations_are_written_once() -> None:
    at = writer(2, dtype="uint8")
    assert at.cast(0, "uint8") == 0
    assert at.real(0) == at.real(0) == at.cast(0, "int32")
    assert codes(at) == ["CAST"]
    assert at.graph.tensors[at.cast(at.const([1.5], "float32"), "int32")].data == [1]
    stored = writer(2, dtype="int8", quant=Quant.whole(0.5, 0))
    assert stored.real(0) == stored.real(0)
    assert codes(stored) == ["DEQUANTIZE"]


def test_another_scale_is_a_quantize_and_the_same_none() -> None:
    at = writer(2, dtype="int8", quant=Quant.whole(0.5, 1))
    assert at.requantize(0, Quant.whole(0.5, 1)) == 0
    assert at.graph.tensors[at.requantize(0, Quant.whole(0.25, 0))].quant == Quant.whole(0.25, 0)
    assert codes(at) == ["QUANTIZE"]


def test_kernels_refuse_types_that_they_lack() -> None:
    with pytest.raises(UnsupportedError, match="TFLite's EXP does not compute with int32"):
        writer(2, dtype="int32").add("EXP", [0], (2,), "int32")
