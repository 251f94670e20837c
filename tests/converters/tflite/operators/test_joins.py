"""Tensors put one behind the other."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from onnx import helper

from edgeinfer.errors import ModelError
from edgeinfer_converters.tflite.convert import to_tflite
from tests.fixtures.lite import check_agrees, model_of, node_model, normal


@settings(max_examples=30, deadline=None)
@given(data=st.data())
def test_any_parts(data: st.DataObject) -> None:
    shape = data.draw(st.lists(st.integers(1, 3), min_size=1, max_size=6))
    axis = data.draw(st.integers(-len(shape), len(shape) - 1))
    inputs = {}
    for place in range(data.draw(st.integers(1, 4))):
        sides = list(shape)
        sides[axis] = data.draw(st.integers(1, 3))
        inputs[f"x{place}"] = normal(*sides, seed=place)
    check_agrees(node_model("Concat", inputs, axis=axis), inputs)


def test_parts_without_elements_are_left_out() -> None:
    values, empty = normal(2, 3), np.zeros((0, 3), np.float32)
    model = node_model("Concat", {"x": values}, constants={"e": empty}, order=["e", "x", "e"], axis=0)
    assert "CONCATENATION" not in check_agrees(model, {"x": values}).operators


@pytest.mark.parametrize("dtype", ["bool", "int8", "uint16", "uint32", "int64", "float16", "float64"])
def test_types(dtype: str) -> None:
    inputs = {"a": np.ones((2, 3), dtype), "b": np.zeros((1, 3), dtype)}
    check_agrees(node_model("Concat", inputs, axis=0), inputs)


def test_uint64_has_no_equal() -> None:
    inputs = {"a": np.ones((2, 3), np.uint64), "b": np.zeros((1, 3), np.uint64)}
    with pytest.raises(ModelError, match="CONCATENATION does not take uint64"):
        to_tflite(node_model("Concat", inputs, axis=0))


@pytest.mark.parametrize("axis", [1, 2, -1])
def test_images_stay_channels_last(axis: int) -> None:
    image = normal(1, 3, 4, 5)
    nodes = [
        helper.make_node("Conv", ["x", "w"], ["c"]),
        helper.make_node("Relu", ["c"], ["r"]),
        helper.make_node("Concat", ["c", "r", "k"], ["y"], axis=axis),
    ]
    constants = {"w": normal(2, 3, 1, 1, seed=1), "k": normal(1, 2, 4, 5, seed=2)}
    made = check_agrees(model_of(nodes, {"x": image}, ["y"], constants=constants), {"x": image})
    assert "TRANSPOSE" not in made.operators
