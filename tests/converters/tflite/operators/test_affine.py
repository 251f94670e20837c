"""Quantization as arithmetic: the integers are inputs or outputs."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from onnx import helper

from edgeinfer.errors import ModelError
from edgeinfer_converters.tflite.convert import to_tflite
from tests.fixtures.lite import check_agrees, model_of, node_model, normal

WIDTHS = ["int8", "uint8", "int16", "uint16"]


@pytest.mark.parametrize("dtype", WIDTHS)
def test_integers_that_leave_the_model(dtype: str) -> None:
    limits = np.iinfo(dtype)
    inputs = {"x": np.array([[-1e9, -3.5, -0.25, 0.25, 0.75], [1.25, 2.5, 77.3, 1e5, 1e9]], np.float32)}
    zero = np.array(limits.min // 2 + 7, dtype)
    constants = {"s": np.array(0.5, np.float32), "z": zero}
    check_agrees(node_model("QuantizeLinear", inputs, constants=constants, opset=21), inputs, atol=0)


@pytest.mark.parametrize("dtype", [*WIDTHS, "int32"])
def test_integers_that_the_model_is_given(dtype: str) -> None:
    limits = np.iinfo(dtype)
    inputs = {
        "x": np.array([limits.min, limits.max, 0, 1, 99], dtype),
        "s": np.array(0.375, np.float32),
        "z": np.array(0 if dtype == "int32" else 5, dtype),
    }
    check_agrees(node_model("DequantizeLinear", inputs, opset=21), inputs)


@pytest.mark.parametrize("axis", [0, 1, -1])
def test_a_scale_an_index(axis: int) -> None:
    sides = (2, 3, 4)
    scales = np.abs(normal(sides[axis])) + 0.1
    zeros = np.arange(sides[axis]).astype(np.int8)
    inputs = {"x": normal(*sides) * 20, "s": scales, "z": zeros}
    check_agrees(node_model("QuantizeLinear", inputs, axis=axis, opset=21), inputs, atol=0)
    integers = {**inputs, "x": np.arange(24).reshape(sides).astype(np.int8)}
    check_agrees(node_model("DequantizeLinear", integers, axis=axis, opset=21), integers)


@pytest.mark.parametrize("size", [8, 7])
def test_a_scale_a_block(size: int) -> None:
    scales, zeros = np.abs(normal(3, 4)) + 0.1, np.arange(12).reshape(3, 4).astype(np.uint8)
    inputs = {"x": normal(3, size) * 30, "s": scales, "z": zeros}
    blocks = 2
    if size % 2 == 0:
        check_agrees(
            node_model("QuantizeLinear", inputs, opset=21, axis=1, block_size=blocks), inputs, atol=0
        )
    integers = {"x": np.arange(24).reshape(3, 8).astype(np.uint8), "s": scales, "z": zeros}
    check_agrees(node_model("DequantizeLinear", integers, opset=21, axis=1, block_size=blocks), integers)


def test_scales_that_the_model_computes() -> None:
    inputs = {"x": normal(40) * 3}
    names = ("y", "scale", "zero")
    check_agrees(node_model("DynamicQuantizeLinear", inputs, outputs=names), inputs)


def test_images_keep_their_layout() -> None:
    image = normal(1, 3, 6, 6)
    nodes = [
        helper.make_node("Conv", ["x", "w"], ["c"]),
        helper.make_node("QuantizeLinear", ["c", "s", "z"], ["y"], axis=1),
    ]
    constants: dict[str, np.ndarray] = {
        "w": normal(4, 3, 3, 3, seed=1),
        "s": np.array([0.1, 0.2, 0.3, 0.4], np.float32),
        "z": np.array([1, 2, 3, 4], np.int8),
    }
    made = check_agrees(
        model_of(nodes, {"x": image}, ["y"], constants=constants, opset=21), {"x": image}, atol=1
    )
    assert "TRANSPOSE" not in made.operators


def test_integers_with_two_kinds_of_readers() -> None:
    inputs = {"x": np.array([0, 3, 200, 255], np.uint8)}
    nodes = [
        helper.make_node("DequantizeLinear", ["x", "s", "z"], ["d"]),
        helper.make_node("DequantizeLinear", ["x", "t", "z"], ["e"]),
        helper.make_node("Cast", ["x"], ["f"], to=1),
        helper.make_node("Sum", ["d", "e", "f"], ["y"]),
    ]
    constants: dict[str, np.ndarray] = {
        "s": np.array(0.5, np.float32),
        "t": np.array(0.25, np.float32),
        "z": np.array(3, np.uint8),
    }
    check_agrees(model_of(nodes, inputs, ["y"], constants=constants, opset=21), inputs)


def test_other_precisions_are_refused() -> None:
    inputs = {"x": np.ones(3, np.float16), "s": np.array(0.5, np.float16)}
    with pytest.raises(ModelError, match="precision"):
        to_tflite(node_model("QuantizeLinear", inputs, opset=21))


@settings(max_examples=40, deadline=None)
@given(data=st.data())
def test_any_numbers(data: st.DataObject) -> None:
    dtype = data.draw(st.sampled_from(WIDTHS))
    limits = np.iinfo(dtype)
    numbers = data.draw(st.lists(st.floats(-1000, 1000, width=32), min_size=1, max_size=8))
    inputs = {
        "x": np.array(numbers, np.float32),
        "s": np.array(data.draw(st.sampled_from([0.1, 0.125, 0.3, 1.0, 2.0])), np.float32),
        "z": np.array(data.draw(st.integers(int(limits.min), int(limits.max))), dtype),
    }
    check_agrees(node_model("QuantizeLinear", inputs, opset=21), inputs, atol=0)
