"""Casts between element types."""

from __future__ import annotations

import numpy as np
import onnx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from onnx import helper

from edgeinfer.errors import ModelError
from edgeinfer_converters.tflite.convert import to_tflite
from tests.fixtures.lite import check_agrees, node_model

TYPES = ["float32", "float16", "int8", "uint8", "int16", "uint16", "int32", "uint32", "int64", "bool"]
INTEGERS = ["int8", "uint8", "int16", "uint16", "int32", "uint32", "int64"]


def cast_model(values: np.ndarray, dtype: str) -> onnx.ModelProto:
    wanted = helper.np_dtype_to_tensor_dtype(np.dtype(dtype))
    return node_model("Cast", {"x": values}, to=wanted)


@pytest.mark.parametrize("source", TYPES)
@pytest.mark.parametrize("target", TYPES)
def test_values_in_range_are_exact(source: str, target: str) -> None:
    values = np.array([0, 1, 2, 100, 127], source)
    check_agrees(cast_model(values, target), {"x": values}, rtol=0, atol=0)


@pytest.mark.parametrize("target", ["int8", "int16", "int32", "int64"])
def test_decimals_are_cut_off(target: str) -> None:
    values = np.array([-1.9, -0.5, 0.5, 1.5, 2.9, 99.99], np.float32)
    check_agrees(cast_model(values, target), {"x": values}, rtol=0, atol=0)


def test_what_is_not_zero_is_true() -> None:
    values = np.array([0.0, -0.0, 0.25, -3.0, np.nan, np.inf], np.float32)
    check_agrees(cast_model(values, "bool"), {"x": values})


def test_like_another_tensor() -> None:
    inputs = {"x": np.array([1.5, 2.5], np.float32), "like": np.zeros(3, np.int32)}
    check_agrees(node_model("CastLike", inputs), inputs)


def test_types_that_tflite_lacks_are_refused() -> None:
    model = node_model("Cast", {"x": np.ones(2, np.float32)}, to=onnx.TensorProto.BFLOAT16)
    with pytest.raises(ModelError, match="bfloat16"):
        to_tflite(model)
    with pytest.raises(ModelError, match="uint64"):
        to_tflite(cast_model(np.ones(2, np.float32), "uint64"))


@settings(max_examples=40, deadline=None)
@given(data=st.data())
def test_integers_keep_their_lowest_bits(data: st.DataObject) -> None:
    source, target = data.draw(st.sampled_from(INTEGERS)), data.draw(st.sampled_from(INTEGERS))
    limits = np.iinfo(source)
    numbers = data.draw(st.lists(st.integers(int(limits.min), int(limits.max)), min_size=1, max_size=6))
    values = np.array(numbers, source)
    check_agrees(cast_model(values, target), {"x": values}, rtol=0, atol=0)
