"""How a file takes and gives its tensors."""

from __future__ import annotations

import pytest
from onnx import helper

from edgeinfer.backends import BackendOptions, open_backend
from edgeinfer.profile import Integer
from edgeinfer_converters.quantize.static import quantize_int8
from edgeinfer_converters.tflite.convert import to_tflite
from edgeinfer_converters.tflite.forms import Forms
from tests.fixtures.graphs import conv, filters, graph_of, ranges_of


def test_nothing_is_asked_for_unless_it_is() -> None:
    assert Forms() == Forms(as_is=frozenset(), integers={}, alike={})


@pytest.mark.parametrize("dtype", ["int8", "uint8"])
def test_what_is_asked_for_is_in_the_file(dtype: str) -> None:
    model = graph_of([conv("x", "a"), helper.make_node("Relu", ["a"], ["y"])], (1, 4, 8, 8), {"w": filters()})
    quantized = quantize_int8(model, ranges_of(model), Integer(activation="int8"), integer_results=True)
    made = to_tflite(quantized, forms=Forms(as_is=frozenset({"x"}), integers={"x": dtype}))
    assert made.inputs["x"] == (0, 1, 2, 3)
    with open_backend(made.data, "tflite", BackendOptions()) as backend:
        (given,) = backend.inputs
    assert (given.dtype, given.shape) == (dtype, (1, 4, 8, 8))
