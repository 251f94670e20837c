"""Remainders and bits."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edgeinfer.errors import ModelError
from edgeinfer_converters.tflite.convert import to_tflite
from tests.fixtures.lite import check_agrees, node_model

SIGNED = ["int8", "int16", "int32", "int64"]
BITS = ["int8", "uint8", "int16", "uint16", "int32", "uint32"]
BITWISE = ["BitwiseAnd", "BitwiseOr", "BitwiseXor"]


@pytest.mark.parametrize("dtype", [*SIGNED, "uint8", "uint32"])
@pytest.mark.parametrize("fmod", [0, 1])
def test_remainders_of_integers(dtype: str, fmod: int) -> None:
    signs = (1, -1) if dtype in SIGNED else (1, 1)
    left = np.array([7, 7 * signs[1], 6, 0, 125 * signs[1], 4]).astype(dtype)
    right = np.array([[3], [3 * signs[1]], [5], [1 * signs[1]]]).astype(dtype)
    inputs = {"a": left, "b": right}
    check_agrees(node_model("Mod", inputs, fmod=fmod), inputs)


def test_the_least_integer_by_minus_one() -> None:
    for dtype in ("int32", "int64"):
        inputs = {"a": np.array([np.iinfo(dtype).min, 5], dtype), "b": np.array([-1, -1], dtype)}
        for fmod in (0, 1):
            check_agrees(node_model("Mod", inputs, fmod=fmod), inputs)


@pytest.mark.parametrize("dtype", ["float32", "float16"])
def test_remainders_of_floats(dtype: str) -> None:
    inputs = {"a": np.array([-4.3, 7.2, 5.0, 4.3, -7.2, 8.0], dtype), "b": np.array([[2.1], [-3.4]], dtype)}
    check_agrees(node_model("Mod", inputs, fmod=1), inputs, rtol=1e-2, atol=1e-2)
    with pytest.raises(ModelError, match="fmod"):
        to_tflite(node_model("Mod", inputs))


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "uint32"])
@pytest.mark.parametrize("direction", ["LEFT", "RIGHT"])
def test_shifts(dtype: str, direction: str) -> None:
    bits = np.iinfo(dtype).bits
    steps = np.array([0, 1, 3, bits - 1, bits // 2], dtype)
    inputs = {"a": np.array([[np.iinfo(dtype).max], [1], [173]], dtype), "b": steps}
    check_agrees(node_model("BitShift", inputs, direction=direction), inputs)


@pytest.mark.parametrize("dtype", ["int8", "int16", "int32"])
@pytest.mark.parametrize("direction", ["LEFT", "RIGHT"])
def test_signed_shifts(dtype: str, direction: str) -> None:
    limits = np.iinfo(dtype)
    values = np.array([limits.min, limits.max, -8, -1, 0, 1, 93], dtype).reshape(-1, 1)
    steps = [*range(limits.bits), limits.bits, limits.bits + 1, limits.max, -1, -limits.bits, limits.min]
    inputs = {"a": values, "b": np.array(steps, dtype)}
    # Signed integers came with this version.
    model = node_model("BitShift", inputs, opset=28, direction=direction)
    check_agrees(model, inputs, rtol=0, atol=0)


@pytest.mark.parametrize("kind", BITWISE)
@pytest.mark.parametrize("dtype", BITS)
def test_bits_of_two(kind: str, dtype: str) -> None:
    limits = np.iinfo(dtype)
    values = np.array([limits.min, limits.max, 0, 1, 85, 102, limits.max // 3], dtype)
    inputs = {"a": values.reshape(-1, 1), "b": values}
    check_agrees(node_model(kind, inputs, opset=18), inputs, rtol=0, atol=0)


@pytest.mark.parametrize("dtype", [*BITS, "int64"])
def test_bits_turned(dtype: str) -> None:
    limits = np.iinfo(dtype)
    inputs = {"x": np.array([limits.min, limits.max, 0, 1, 85], dtype)}
    check_agrees(node_model("BitwiseNot", inputs, opset=18), inputs, rtol=0, atol=0)


@pytest.mark.parametrize("kind", [*BITWISE, "BitShift"])
def test_64_bits_are_refused(kind: str) -> None:
    inputs = {"a": np.ones(2, np.uint64), "b": np.ones(2, np.uint64)}
    model = node_model(kind, inputs, opset=18, direction="LEFT" if kind == "BitShift" else None)
    with pytest.raises(ModelError, match="uint64"):
        to_tflite(model)


@settings(max_examples=40, deadline=None)
@given(data=st.data())
def test_any_bits(data: st.DataObject) -> None:
    dtype = data.draw(st.sampled_from(BITS))
    limits = np.iinfo(dtype)
    number = st.integers(int(limits.min), int(limits.max))
    inputs = {name: np.array(data.draw(st.lists(number, min_size=4, max_size=4)), dtype) for name in "ab"}
    check_agrees(node_model(data.draw(st.sampled_from(BITWISE)), inputs, opset=18), inputs, rtol=0, atol=0)


@settings(max_examples=40, deadline=None)
@given(data=st.data())
def test_any_remainder(data: st.DataObject) -> None:
    dtype = data.draw(st.sampled_from(["int8", "int32", "int64"]))
    limits = np.iinfo(dtype)
    number = st.integers(int(limits.min), int(limits.max))
    left = data.draw(st.lists(number, min_size=3, max_size=3))
    right = data.draw(st.lists(number.filter(bool), min_size=3, max_size=3))
    inputs = {"a": np.array(left, dtype), "b": np.array(right, dtype)}
    check_agrees(node_model("Mod", inputs, fmod=data.draw(st.integers(0, 1))), inputs, rtol=0, atol=0)
