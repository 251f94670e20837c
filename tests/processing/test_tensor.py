"""Arrays that go to the model as they are."""

from __future__ import annotations

import numpy as np
import pytest

from edgeinfer.errors import DataError
from edgeinfer.frames import Array, Quantization, TensorInfo
from edgeinfer.processing.tensor import TensorPreprocessor, finite


def info(*shape: int, dtype: str = "float32", quantization: Quantization | None = None) -> TensorInfo:
    return TensorInfo(name="t", dtype=dtype, shape=shape, quantization=quantization)


@pytest.mark.parametrize("shape", [(1, 2, 3), (2, 3)])
@pytest.mark.parametrize("wanted", [(1, 2, 3), (-1, 2, 3), (1, -1, -1)])
def test_the_batch_axis_may_be_left_out(shape: tuple[int, ...], wanted: tuple[int, ...]) -> None:
    array = np.arange(6, dtype=np.float32).reshape(shape)
    prepared = TensorPreprocessor(info(*wanted))(array)
    assert prepared.tensor.shape == (1, 2, 3)
    assert prepared.tensor.ravel().tolist() == array.ravel().tolist()
    assert prepared.geometry is None


def test_a_scalar_model_takes_a_scalar() -> None:
    assert TensorPreprocessor(info())(np.array(2.0, np.float32)).tensor.shape == ()


@pytest.mark.parametrize("shape", [(2, 2, 3), (3, 2), (6,), (1, 1, 2, 3)])
def test_other_shapes_are_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(DataError, match=r"has the shape \[1, 2, 3\], this array"):
        TensorPreprocessor(info(1, 2, 3))(np.zeros(shape, np.float32))


@pytest.mark.parametrize(
    ("have", "want"), [("float64", "float32"), ("int64", "float32"), ("int64", "int8"), ("uint8", "int64")]
)
def test_numbers_of_the_same_kind_are_converted(have: str, want: str) -> None:
    tensor = TensorPreprocessor(info(1, 2, dtype=want))(np.array([1, 2], have)).tensor
    assert tensor.dtype == np.dtype(want)
    assert tensor.tolist() == [[1, 2]]


def test_real_numbers_for_a_quantized_input_are_quantized() -> None:
    tensor = info(1, 2, dtype="int8", quantization=Quantization(scale=0.5, zero_point=3))
    assert TensorPreprocessor(tensor)(np.array([1.0, -1.0])).tensor.tolist() == [[5, 1]]
    with pytest.raises(DataError, match="NaN"):
        TensorPreprocessor(tensor)(np.array([1.0, np.nan]))


def test_real_numbers_for_other_integers_are_refused() -> None:
    with pytest.raises(DataError, match="`t` is int32, this array float64"):
        TensorPreprocessor(info(1, 1, dtype="int32"))(np.array([1.5]))


@pytest.mark.parametrize("array", [np.zeros((3, 4)).T, np.zeros((8, 6))[::2, ::2]])
def test_the_tensor_is_contiguous(array: Array) -> None:
    shape = (1, *array.shape)
    assert TensorPreprocessor(info(*shape, dtype="float64"))(array).tensor.flags["C_CONTIGUOUS"]


def test_finite_gives_the_array_back() -> None:
    array = np.ones(3)
    assert finite(array, "it") is array
    with pytest.raises(DataError, match=r"^it holds NaN"):
        finite(np.array([np.inf]), "it")
