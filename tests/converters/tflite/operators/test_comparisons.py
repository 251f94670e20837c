"""Comparisons, logic and choices."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from onnx import helper

from edgeinfer.errors import ModelError
from edgeinfer_converters.tflite.convert import to_tflite
from tests.fixtures.lite import check_agrees, model_of, node_model, normal

COMPARISONS = ["Equal", "Greater", "GreaterOrEqual", "Less", "LessOrEqual"]
SPECIAL = np.array([np.nan, np.inf, -np.inf, 0.0, -1.0, 3.0], np.float32)


@pytest.mark.parametrize("kind", COMPARISONS)
@pytest.mark.parametrize("dtype", ["float32", "int8", "uint8", "int32", "int64", "uint32"])
def test_numbers_of_any_type(kind: str, dtype: str) -> None:
    values = np.array([0, 1, 2, 100, 127], dtype)
    inputs = {"a": values.reshape(5, 1), "b": values}
    check_agrees(node_model(kind, inputs), inputs)


@pytest.mark.parametrize("kind", COMPARISONS)
def test_nan_compares_with_nothing(kind: str) -> None:
    inputs = {"a": SPECIAL.reshape(-1, 1), "b": SPECIAL}
    check_agrees(node_model(kind, inputs), inputs)


@pytest.mark.parametrize("kind", ["And", "Equal", "Or", "Xor"])
def test_truth_values(kind: str) -> None:
    inputs = {"a": np.array([[True], [False]]), "b": np.array([True, False, True])}
    check_agrees(node_model(kind, inputs), inputs)


def test_negation() -> None:
    inputs = {"x": np.array([True, False])}
    check_agrees(node_model("Not", inputs), inputs)


def test_nan_and_infinity_are_found() -> None:
    inputs = {"x": SPECIAL}
    check_agrees(node_model("IsNaN", inputs), inputs)
    for up, down in ((1, 1), (1, 0), (0, 1), (0, 0)):
        check_agrees(node_model("IsInf", inputs, detect_positive=up, detect_negative=down), inputs)


@pytest.mark.parametrize("dtype", ["float32", "float16", "int8", "int32", "int64", "bool", "uint16"])
def test_choices_of_any_type(dtype: str) -> None:
    inputs = {
        "c": np.array([[True], [False], [True]]),
        "a": np.array([0, 1, 2, 3], dtype),
        "b": np.array([[5], [6], [0]], dtype),
    }
    check_agrees(node_model("Where", inputs), inputs)


def test_choices_behind_a_convolution_need_no_transpose() -> None:
    image = normal(1, 3, 5, 5)
    nodes = [
        helper.make_node("Conv", ["x", "w"], ["c"]),
        helper.make_node("Greater", ["c", "zero"], ["p"]),
        helper.make_node("Where", ["p", "c", "zero"], ["y"]),
    ]
    constants = {"w": normal(2, 3, 3, 3, seed=1), "zero": np.zeros((), np.float32)}
    made = check_agrees(model_of(nodes, {"x": image}, ["y"], constants=constants), {"x": image})
    assert "TRANSPOSE" not in made.operators


def test_types_that_no_kernel_knows_are_refused() -> None:
    inputs = {"c": np.array([True]), "a": np.ones(1, np.uint64), "b": np.ones(1, np.uint64)}
    with pytest.raises(ModelError, match="uint64"):
        to_tflite(node_model("Where", inputs))


@settings(max_examples=30, deadline=None)
@given(data=st.data())
def test_any_shapes_that_broadcast(data: st.DataObject) -> None:
    sides = data.draw(st.lists(st.integers(1, 3), min_size=1, max_size=5))

    def shape() -> list[int]:
        return [side if data.draw(st.booleans()) else 1 for side in sides]

    inputs = {
        "c": normal(*shape()) > 0,
        "a": normal(*shape(), seed=1),
        "b": normal(*shape(), seed=2),
    }
    check_agrees(node_model("Where", inputs), inputs)
    pair = {"a": inputs["a"], "b": inputs["b"]}
    check_agrees(node_model(data.draw(st.sampled_from(COMPARISONS)), pair), pair)
