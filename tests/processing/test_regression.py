"""Predicted numbers with names."""

from __future__ import annotations

import numpy as np
import pytest

from edgeinfer.errors import ModelError
from edgeinfer.frames import Array, Quantization, TensorInfo
from edgeinfer.processing.regression import RegressionDecoder
from edgeinfer.processing.spec import RegressionOutput


def info(name: str, array: Array, quantization: Quantization | None = None) -> TensorInfo:
    return TensorInfo(name=name, dtype=array.dtype.name, shape=array.shape, quantization=quantization)


def test_the_training_normalization_is_undone() -> None:
    array = np.array([[1.0, -1.0]], np.float32)
    spec = RegressionOutput(names=("temperature", "load"), scale=(10.0, 2.0), offset=(20.0, 1.0))
    found = RegressionDecoder(spec, (info("y", array),))({"y": array}, {}, None)
    assert found.values == {"temperature": 30.0, "load": -1.0}


def test_one_scale_serves_all() -> None:
    array = np.array([[1.0], [2.0]], np.float32)
    spec = RegressionOutput(names=("a", "b"), scale=(2.0,), offset=(0.5,))
    assert RegressionDecoder(spec, (info("y", array),))({"y": array}, {}, None).values == {"a": 2.5, "b": 4.5}


def test_several_outputs_follow_each_other() -> None:
    arrays = {"first": np.array([[1.0]], np.float32), "second": np.array([[2.0, 3.0]], np.float32)}
    tensors = tuple(info(name, array) for name, array in arrays.items())
    found = RegressionDecoder(RegressionOutput(names=("a", "b", "c")), tensors)(arrays, {}, None)
    assert found.values == {"a": 1.0, "b": 2.0, "c": 3.0}


def test_quantized_outputs_are_real_numbers() -> None:
    array = np.array([[10]], np.int8)
    tensor = info("y", array, Quantization(scale=0.5, zero_point=4))
    found = RegressionDecoder(RegressionOutput(names=("a",)), (tensor,))({"y": array}, {}, None)
    assert found.values == {"a": 3.0}


def test_another_count_is_refused() -> None:
    array = np.array([[1.0, 2.0]], np.float32)
    with pytest.raises(ModelError, match="2 numbers for 1 names"):
        RegressionDecoder(RegressionOutput(names=("a",)), (info("y", array),))({"y": array}, {}, None)


def test_infinity_is_an_error() -> None:
    array = np.array([[np.inf]], np.float32)
    with pytest.raises(ModelError, match="infinity"):
        RegressionDecoder(RegressionOutput(names=("a",)), (info("y", array),))({"y": array}, {}, None)
