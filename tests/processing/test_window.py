"""Sliding windows, and windows into tensors."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgeinfer.errors import DataError, ModelError
from edgeinfer.frames import Quantization, TensorInfo
from edgeinfer.processing.spec import WindowInput
from edgeinfer.processing.window import WindowPreprocessor, Windows, fit_window

SPEC = WindowInput(columns=("x", "y"), length=3, stride=1, mean=(1.0, 2.0), std=(2.0, 4.0))
ROWS = np.array([[1, 2], [3, 6], [5, 10]], np.float32)
NORMAL = np.array([[0, 0], [1, 1], [2, 2]], np.float32)


def info(*shape: int, dtype: str = "float32", quantization: Quantization | None = None) -> TensorInfo:
    return TensorInfo(name="w", dtype=dtype, shape=shape, quantization=quantization)


@given(st.integers(1, 12), st.integers(1, 15), st.integers(0, 60))
def test_windows_are_what_slicing_gives(length: int, stride: int, rows: int) -> None:
    series = np.arange(rows * 2, dtype=np.float32).reshape(rows, 2)
    windows = Windows(length, stride)
    found = [window for row in series if (window := windows.push(row)) is not None]
    expected = [series[start : start + length] for start in range(0, rows - length + 1, stride)]
    assert len(found) == len(expected)
    for have, want in zip(found, expected, strict=True):
        assert have.dtype == np.float32
        assert np.array_equal(have, want)


def test_a_window_stays_as_it_is_when_rows_follow() -> None:
    windows = Windows(2, 1)
    windows.push([1.0, 2.0])
    first = windows.push([3.0, 4.0])
    windows.push([5.0, 6.0])
    assert first is not None
    assert first.tolist() == [[1, 2], [3, 4]]


@pytest.mark.parametrize("shape", [(1, 3, 2), (-1, -1, 2), (1, 3, 2, 1), (1, 1, 3, 2), (1, 6), (-1, -1)])
def test_rows_stay_in_order(shape: tuple[int, ...]) -> None:
    prepared = WindowPreprocessor(SPEC, info(*shape))(ROWS)
    assert prepared.geometry is None
    assert prepared.tensor.ravel().tolist() == NORMAL.ravel().tolist()
    assert prepared.tensor.flags["C_CONTIGUOUS"]
    assert len(prepared.tensor.shape) == len(shape)
    assert prepared.tensor.dtype == np.float32


@pytest.mark.parametrize("shape", [(1, 2, 3), (1, 2, 1, 3), (1, 2, 3, 1)])
def test_columns_first_where_the_model_wants_it(shape: tuple[int, ...]) -> None:
    prepared = WindowPreprocessor(SPEC, info(*shape))(ROWS)
    assert prepared.tensor.shape == shape
    assert prepared.tensor.ravel().tolist() == NORMAL.T.ravel().tolist()
    assert prepared.tensor.flags["C_CONTIGUOUS"]


def test_one_column_goes_into_a_row() -> None:
    assert fit_window((5, 1), info(1, 5)) == ((1, 5), False)
    assert fit_window((5, 1), info(1, 5, 1)) == ((1, 5, 1), False)


@pytest.mark.parametrize("shape", [(1, 3, 3), (2, 3, 2), (1, 7), (3, 2), (), (1,)])
def test_other_shapes_are_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(ModelError, match="cannot hold a window of 3 rows and 2 columns"):
        fit_window((3, 2), info(*shape))


def test_one_mean_serves_all_columns() -> None:
    spec = WindowInput(columns=("x", "y"), length=3, stride=1, mean=(1.0,), std=(2.0,))
    assert WindowPreprocessor(spec, info(1, 3, 2))(ROWS).tensor[0, 2].tolist() == [2.0, 4.5]


def test_an_integer_model_gets_quantized_numbers() -> None:
    tensor = info(1, 3, 2, dtype="int8", quantization=Quantization(scale=0.5, zero_point=-1))
    prepared = WindowPreprocessor(SPEC, tensor)(ROWS)
    assert prepared.tensor.dtype == np.int8
    assert prepared.tensor[0].tolist() == [[-1, -1], [1, 1], [3, 3]]


def test_a_window_of_another_shape_is_refused() -> None:
    with pytest.raises(DataError, match=r"3 rows and 2 columns is needed, this has the shape \[2, 2\]"):
        WindowPreprocessor(SPEC, info(1, 3, 2))(ROWS[:2])


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_a_gap_in_the_rows_is_refused(bad: float) -> None:
    rows = ROWS.copy()
    rows[1, 1] = bad
    with pytest.raises(DataError, match="the window holds NaN or infinity"):
        WindowPreprocessor(SPEC, info(1, 3, 2))(rows)
