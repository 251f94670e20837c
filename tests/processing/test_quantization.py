"""Between real numbers and stored integers."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgeinfer.errors import ModelError
from edgeinfer.frames import DTYPES, Quantization, TensorInfo
from edgeinfer.processing.quantization import dequantize, quantize, real_output

numbers = st.lists(st.floats(-1e4, 1e4, width=32), min_size=1, max_size=20)


def info(dtype: str, scale: float | None = None, zero_point: int = 0) -> TensorInfo:
    quantization = None if scale is None else Quantization(scale=scale, zero_point=zero_point)
    return TensorInfo(name="t", dtype=dtype, shape=(-1,), quantization=quantization)


@given(
    numbers,
    st.sampled_from([("int8", -128, 127), ("uint8", 0, 255), ("int16", -32768, 32767)]),
    st.floats(1e-3, 100),
    st.data(),
)
def test_quantize_rounds_half_to_even_and_saturates(
    values: list[float], kind: tuple[str, int, int], scale: float, data: st.DataObject
) -> None:
    dtype, low, high = kind
    zero_point = data.draw(st.integers(low, high))
    stored = quantize(np.array(values, np.float32), info(dtype, scale, zero_point))
    assert stored.dtype == DTYPES[dtype]
    expected = [min(high, max(low, round(value / scale) + zero_point)) for value in values]
    assert stored.tolist() == expected


@given(numbers, st.floats(1e-2, 10))
def test_quantizing_back_and_forth_errs_by_half_a_step_within_range(
    values: list[float], scale: float
) -> None:
    tensor = info("int8", scale, 3)
    real = np.clip(np.array(values, np.float32), -131 * scale, 124 * scale)
    error = np.abs(dequantize(quantize(real, tensor), tensor) - real)
    assert (error <= scale * 0.501).all()


@given(st.lists(st.integers(-128, 127), min_size=1))
def test_stored_numbers_survive_the_way_there_and_back(values: list[int]) -> None:
    tensor = info("int8", 0.0078125, -7)
    stored = np.array(values, np.int8)
    assert np.array_equal(quantize(dequantize(stored, tensor), tensor), stored)


def test_integers_without_parameters_take_the_rounded_numbers() -> None:
    assert quantize(np.array([-1.0, 2.5, 3.5, 300.0]), info("uint8")).tolist() == [0, 2, 4, 255]
    assert dequantize(np.array([0, 255], np.uint8), info("uint8")).tolist() == [0.0, 255.0]


def test_floats_change_nothing_but_their_type() -> None:
    assert quantize(np.array([0.5]), info("float16")).dtype == np.float16
    assert dequantize(np.array([0.5], np.float16), info("float16")).dtype == np.float32
    array = np.array([0.5], np.float32)
    assert dequantize(array, info("float32")) is array


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("place", [0, 7, 99])
def test_an_output_with_one_bad_number_is_refused(bad: float, place: int) -> None:
    values = np.linspace(-1, 1, 100, dtype=np.float32)
    values[place] = bad
    with pytest.raises(ModelError, match="output `t` holds NaN or infinity"):
        real_output(values, info("float32"))


def test_an_empty_output_is_refused() -> None:
    with pytest.raises(ModelError, match="`t` is empty"):
        real_output(np.empty((1, 0), np.float32), info("float32"))


def test_a_sound_output_passes() -> None:
    assert real_output(np.array([1, 2], np.int8), info("int8", 0.5)).tolist() == [0.5, 1.0]
