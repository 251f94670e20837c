"""Output tensors as nested lists."""

from __future__ import annotations

import numpy as np
import pytest

from edgeinfer.errors import ModelError
from edgeinfer.frames import Array, Quantization, TensorInfo
from edgeinfer.processing.raw import RawDecoder


def decode(array: Array, quantization: Quantization | None = None) -> object:
    tensor = TensorInfo(name="y", dtype=array.dtype.name, shape=array.shape, quantization=quantization)
    return RawDecoder((tensor,))({"y": array}, {}, None).outputs["y"]


def test_floats_keep_their_shape() -> None:
    assert decode(np.array([[[0.5], [1.5]]], np.float32)) == [[[0.5], [1.5]]]


def test_quantized_numbers_are_real_ones() -> None:
    assert decode(np.array([[2, 4]], np.uint8), Quantization(scale=0.5, zero_point=2)) == [[0.0, 1.0]]


def test_integers_and_booleans_stay() -> None:
    assert decode(np.array([[2**40]], np.int64)) == [[2**40]]
    assert decode(np.array([True, False])) == [True, False]


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
def test_nan_is_an_error(dtype: str) -> None:
    with pytest.raises(ModelError, match="NaN"):
        decode(np.array([np.nan], dtype))
