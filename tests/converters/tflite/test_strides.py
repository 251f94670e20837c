"""Slices with steps."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edgeinfer_converters.tflite.convert import TfliteModel
from edgeinfer_converters.tflite.strides import without_strides
from edgeinfer_converters.tflite.tensors import Graph, Quant
from tests.fixtures.lite import check_agrees, node_model, normal


def sliced(values: np.ndarray, starts: list[int], ends: list[int], steps: list[int]) -> TfliteModel:
    """Hold a Slice over the first axes against onnx's own."""
    bounds = zip("set", (starts, ends, steps), strict=True)
    arrays: dict[str, Any] = {name: np.array(one, np.int64) for name, one in bounds}
    order = ["x", "s", "e", "", "t"]
    return check_agrees(node_model("Slice", {"x": values}, constants=arrays, order=order), {"x": values})


@given(data=st.data())
@settings(max_examples=40, deadline=None)
def test_any_phase_of_any_axes(data: st.DataObject) -> None:
    steps = data.draw(st.lists(st.integers(1, 4), min_size=1, max_size=4))
    counts = [data.draw(st.integers(1, 3)) for _ in steps]
    starts = [data.draw(st.integers(0, step - 1)) for step in steps]
    shape = [step * count for step, count in zip(steps, counts, strict=True)]
    made = sliced(normal(*shape), starts, [99] * len(steps), steps)
    assert "STRIDED_SLICE" not in made.operators or len(shape) == 4


@pytest.mark.parametrize("dtype", ["float32", "int32", "int64", "bool", "uint8"])
def test_every_type(dtype: str) -> None:
    made = sliced((normal(4, 6, 2) > 0).astype(dtype), [1, 0], [99, 99], [2, 3])
    assert made.operators["SLICE"] == 1


@pytest.mark.parametrize(
    ("starts", "ends", "steps"),
    [([0, 0], [99, 99], [4, 1]), ([2, 0], [99, 99], [2, 1]), ([3, 0], [-99, 99], [-1, 1])],
)
def test_what_is_left_to_the_other_kernel(starts: list[int], ends: list[int], steps: list[int]) -> None:
    assert sliced(normal(6, 5), starts, ends, steps).operators == {"STRIDED_SLICE": 1}


def test_scales_and_names_stay() -> None:
    graph, quant = Graph(), Quant.whole(0.5, 3)
    x = graph.tensor("x", (1, 4, 6, 2), "int8", quant)
    y = graph.tensor("y", (1, 2, 3, 2), "int8", quant)
    bounds = [
        graph.constant(np.array(one, np.int32), "b") for one in ((0, 1, 0, 0), (1, 4, 6, 2), (1, 2, 2, 1))
    ]
    graph.add("STRIDED_SLICE", [x, *bounds], [y])
    made = without_strides(graph)
    assert [operator.code for operator in made.operators] == ["RESHAPE", "SLICE", "RESHAPE"]
    assert made.operators[-1].outputs == [y]
    assert {tensor.quant for tensor in made.tensors if tensor.data is None} == {quant}
