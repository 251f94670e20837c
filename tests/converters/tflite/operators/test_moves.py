"""Reshapes, transposes and what else only arranges values."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from onnx import helper, numpy_helper

from edgeinfer.errors import ModelError
from edgeinfer_converters.tflite.convert import to_tflite
from tests.fixtures.lite import check_agrees, model_of, node_model, normal


@settings(max_examples=40, deadline=None)
@given(data=st.data())
def test_reshapes_of_transposed_tensors(data: st.DataObject) -> None:
    factors = data.draw(st.lists(st.integers(1, 3), min_size=1, max_size=5))
    values = normal(*factors)
    order = data.draw(st.permutations(range(len(factors))))
    cut = data.draw(st.integers(0, len(factors)))
    sides = [factors[axis] for axis in order]
    shape = [int(np.prod(sides[:cut])), -1, 1]
    nodes = [
        helper.make_node("Transpose", ["x"], ["t"], perm=order),
        helper.make_node("Reshape", ["t", "s"], ["r"]),
        helper.make_node("Transpose", ["r"], ["y"], perm=[1, 2, 0]),
    ]
    model = model_of(nodes, {"x": values}, ["y"], constants={"s": np.array(shape)})
    check_agrees(model, {"x": values})


def test_a_transpose_to_channels_last_writes_no_operator() -> None:
    image = normal(1, 3, 4, 5)
    nodes = [
        helper.make_node("Conv", ["x", "w"], ["c"]),
        helper.make_node("Transpose", ["c"], ["y"], perm=[0, 2, 3, 1]),
    ]
    model = model_of(nodes, {"x": image}, ["y"], constants={"w": normal(2, 3, 1, 1, seed=1)})
    assert "TRANSPOSE" not in check_agrees(model, {"x": image}).operators


def test_a_flattened_image_meets_weights_in_its_own_order() -> None:
    image = normal(1, 3, 4, 5)
    nodes = [
        helper.make_node("Conv", ["x", "w"], ["c"]),
        helper.make_node("Flatten", ["c"], ["f"]),
        helper.make_node("MatMul", ["f", "m"], ["y"]),
    ]
    constants = {"w": normal(2, 3, 1, 1, seed=1), "m": normal(40, 3, seed=2)}
    made = check_agrees(model_of(nodes, {"x": image}, ["y"], constants=constants), {"x": image})
    assert "TRANSPOSE" not in made.operators


@pytest.mark.parametrize(
    ("kind", "shape", "axes", "result"),
    [
        ("Squeeze", (1, 3, 1, 2), [0, -2], (3, 2)),
        ("Unsqueeze", (3, 2), [0, -1], (1, 3, 2, 1)),
    ],
)
def test_axes_that_the_model_computes(
    kind: str, shape: tuple[int, ...], axes: list[int], result: tuple[int, ...]
) -> None:
    inputs = {"x": normal(*shape), "a": np.array(axes)}
    check_agrees(node_model(kind, {"x": inputs["x"]}, constants={"a": inputs["a"]}), {"x": inputs["x"]})
    model = node_model(kind, inputs)
    model.graph.output[0].CopyFrom(helper.make_tensor_value_info("y", 1, result))
    check_agrees(model, inputs)


@pytest.mark.parametrize("shape", [[0, -1], [-1], [6, 0, 2], [2, 3, 4, 1, 1]])
def test_reshape(shape: list[int]) -> None:
    values = normal(6, 2, 2)
    model = node_model("Reshape", {"x": values}, constants={"s": np.array(shape)})
    check_agrees(model, {"x": values})


def test_a_model_that_contradicts_itself_is_refused() -> None:
    model = node_model("Reshape", {"x": normal(2, 3)}, constants={"s": np.array([3, 2])})
    model.graph.initializer[0].CopyFrom(numpy_helper.from_array(np.array([3, 3]), "s"))
    with pytest.raises(ModelError, match="contradicts itself"):
        to_tflite(model)
