"""Arithmetic of tensors that broadcast."""

from __future__ import annotations

import numpy as np
import onnx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from onnx import helper

from edgeinfer.errors import ModelError
from edgeinfer_converters.tflite.convert import to_tflite
from tests.fixtures.lite import check_agrees, model_of, node_model, normal

SIMPLE = ["Add", "Sub", "Mul", "Div"]
SHAPES = [((2, 3, 4, 5), (3, 1, 5)), ((4,), (2, 1)), ((), (3,)), ((2, 1, 3, 1, 2), (1, 4, 1, 2, 1)), ((), ())]


@pytest.mark.parametrize("kind", SIMPLE)
@pytest.mark.parametrize("shapes", SHAPES)
def test_operands_broadcast(kind: str, shapes: tuple[tuple[int, ...], ...]) -> None:
    inputs = {"a": np.asarray(normal(*shapes[0])), "b": np.asarray(normal(*shapes[1], seed=1)) + 5}
    check_agrees(node_model(kind, inputs), inputs)


@pytest.mark.parametrize("kind", ["Add", "Sub", "Mul", "Max", "Min"])
@pytest.mark.parametrize("dtype", ["int8", "uint8", "int16", "uint16", "int32", "uint32", "int64"])
def test_integers_wrap_around_in_their_own_type(kind: str, dtype: str) -> None:
    limits = np.iinfo(dtype)
    values = np.array([limits.min, limits.max, 1, 100, limits.max // 2], dtype)
    inputs = {"a": values, "b": values[::-1].copy()}
    check_agrees(node_model(kind, inputs), inputs)


@pytest.mark.parametrize("dtype", ["int8", "uint8", "int16", "int32"])
def test_division_of_integers_cuts_off(dtype: str) -> None:
    inputs = {"a": np.array([7, 9, 100, 127], dtype), "b": np.array([2, 3, 7, 126], dtype)}
    check_agrees(node_model("Div", inputs), inputs)
    if dtype != "uint8":
        signs = {"a": np.array([-7, 7, -7, 6], dtype), "b": np.array([2, -2, -2, -3], dtype)}
        made = check_agrees(node_model("Mul", signs), signs)
        assert made.operators["MUL"] == 1


@pytest.mark.parametrize("kind", ["Max", "Min", "Sum", "Mean"])
@pytest.mark.parametrize("count", [1, 2, 4])
def test_any_number_of_operands(kind: str, count: int) -> None:
    shapes = [(2, 3, 4), (3, 1), (1, 1, 4), (4,)]
    inputs = {f"x{number}": normal(*shapes[number], seed=number) for number in range(count)}
    check_agrees(node_model(kind, inputs), inputs)


@pytest.mark.parametrize("exponent", [0.5, 2.0, 3.0, -1.5, 0.0])
def test_powers_with_a_constant_exponent(exponent: float) -> None:
    inputs = {"x": np.abs(normal(2, 3)) + 0.1}
    made = check_agrees(node_model("Pow", inputs, constants={"e": np.array(exponent, np.float32)}), inputs)
    assert ("MUL" in made.operators) == (exponent in (2.0, 3.0))


def test_an_exponent_of_more_axes_than_the_base() -> None:
    inputs = {"x": np.abs(normal(3))}
    check_agrees(node_model("Pow", inputs, constants={"e": np.full((1, 1, 1), 2, np.float32)}), inputs)


@pytest.mark.parametrize("exponent", [0, 1, 2, 5])
@pytest.mark.parametrize("dtype", ["int32", "int64"])
def test_powers_of_integers_are_exact(exponent: int, dtype: str) -> None:
    inputs = {"x": np.array([-7, 0, 3, 12345], dtype)}
    check_agrees(node_model("Pow", inputs, constants={"e": np.array(exponent, dtype)}), inputs, rtol=0)


def test_powers_of_other_types() -> None:
    inputs: dict[str, np.ndarray] = {"x": normal(3), "e": np.array([4, 5, 6], np.int64)}
    check_agrees(node_model("Pow", inputs), inputs)
    whole = {"x": np.array([1, 2, 3], np.int32), "e": np.array([4, 5, 6], np.int32)}
    check_agrees(node_model("Pow", whole), whole)


@pytest.mark.parametrize(
    ("kind", "left", "right", "reason"),
    [
        ("Pow", "int64", "int64", "POW does not compute with int64"),
        ("Pow", "int32", "float32", "not exact"),
        ("Div", "int64", "int64", "DIV does not compute with int64"),
        ("Add", "float64", "float64", "export the model with float32 inputs"),
        ("Max", "uint64", "uint64", "MAXIMUM does not compute with uint64"),
    ],
)
def test_what_kernels_lack_is_refused(kind: str, left: str, right: str, reason: str) -> None:
    inputs = {"a": np.ones(3, left), "b": np.ones(3, right)}
    with pytest.raises(ModelError, match=reason):
        to_tflite(node_model(kind, inputs))


def between(values: float, kind: str = "Mul") -> onnx.ModelProto:
    """x, computed with a constant of float64 in between."""
    nodes = [
        helper.make_node("Cast", ["x"], ["d"], "up", to=onnx.TensorProto.DOUBLE),
        helper.make_node(kind, ["d", "c"], ["e"], "times"),
        helper.make_node("Cast", ["e"], ["y"], "down", to=onnx.TensorProto.FLOAT),
    ]
    return model_of(nodes, {"x": normal(2, 3)}, ["y"], constants={"c": np.array([values], np.float64)})


def test_doubles_in_between_are_computed_in_float32_and_named() -> None:
    assert check_agrees(between(0.1), {"x": normal(2, 3)}).doubles == ("up", "times")
    assert check_agrees(node_model("Neg", {"x": normal(3)}), {"x": normal(3)}).doubles == ()
    infinite = check_agrees(between(float("inf"), "Max"), {"x": normal(2, 3)})
    assert infinite.doubles == ("up", "times")


def test_a_constant_beyond_float32_is_refused() -> None:
    with pytest.raises(ModelError, match=r"`times`.*a constant of float64 exceeds what float32 can hold"):
        to_tflite(between(1e300))


def test_images_keep_their_layout() -> None:
    image = normal(1, 3, 6, 6)
    constants = {"w": normal(4, 3, 3, 3, seed=1), "b": normal(4, 1, 1, seed=2)}
    nodes = [
        helper.make_node("Conv", ["x", "w"], ["c"], pads=[1, 1, 1, 1]),
        helper.make_node("Mul", ["c", "b"], ["m"]),
        helper.make_node("Mean", ["m", "c", "b"], ["y"]),
    ]
    made = check_agrees(model_of(nodes, {"x": image}, ["y"], constants=constants), {"x": image})
    assert "TRANSPOSE" not in made.operators
    assert made.outputs["y"] == (0, 2, 3, 1)


@settings(max_examples=40, deadline=None)
@given(data=st.data())
def test_any_shapes_that_broadcast(data: st.DataObject) -> None:
    sides = data.draw(st.lists(st.integers(1, 3), max_size=6))
    one = [side if data.draw(st.booleans()) else 1 for side in sides]
    other = [side if data.draw(st.booleans()) else 1 for side in sides][
        data.draw(st.integers(0, len(sides))) :
    ]
    inputs = {"a": np.asarray(normal(*one)), "b": np.asarray(normal(*other, seed=1))}
    check_agrees(node_model(data.draw(st.sampled_from(["Add", "Mul", "Sub", "Max"])), inputs), inputs)
