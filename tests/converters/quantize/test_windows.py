"""Windows of a convolution."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgeinfer_converters.quantize.windows import Windows, spread, step_of

ALL = 10_000


def padded(values: np.ndarray, windows: Windows) -> np.ndarray:
    top, left, bottom, right = windows.pads
    return np.pad(values, ((0, 0), (0, 0), (top, bottom), (left, right)))


def by_slicing(values: np.ndarray, windows: Windows) -> np.ndarray:
    """(positions, channels, elements), taken from the padded input one by one."""
    whole = padded(values, windows)
    tall, wide = ((size - 1) * gap + 1 for size, gap in zip(windows.kernel, windows.dilations, strict=True))
    found = [
        image[:, top : top + tall : windows.dilations[0], left : left + wide : windows.dilations[1]]
        for image in whole
        for top in range(0, whole.shape[2] - tall + 1, windows.strides[0])
        for left in range(0, whole.shape[3] - wide + 1, windows.strides[1])
    ]
    return np.stack(found).reshape(len(found), values.shape[1], -1)


pairs = st.tuples(st.integers(1, 3), st.integers(1, 3))
geometries = st.builds(
    Windows,
    kernel=pairs,
    strides=pairs,
    pads=st.tuples(*[st.integers(0, 3)] * 4),
    dilations=st.tuples(st.integers(1, 2), st.integers(1, 2)),
)


@given(
    windows=geometries,
    shape=st.tuples(st.integers(1, 2), st.integers(1, 3), st.integers(5, 9), st.integers(5, 9)),
    offset=st.integers(0, 20),
    most=st.one_of(st.integers(1, 12), st.just(ALL)),
)
def test_windows_are_those_of_the_padded_input(
    windows: Windows, shape: tuple[int, ...], offset: int, most: int
) -> None:
    values = np.random.default_rng(0).normal(size=shape).astype(np.float32)
    every = by_slicing(values, windows)
    found = windows.take(values, offset, most)
    np.testing.assert_array_equal(found, every[spread(len(every), offset, most)])
    assert found.dtype == np.float32


def test_padding_is_zero_whatever_lies_at_the_edge() -> None:
    values = np.full((1, 1, 2, 2), np.inf, np.float32)
    corner = Windows((3, 3), (1, 1), (1, 1, 1, 1), (1, 1)).take(values, 0, ALL)[0, 0]
    np.testing.assert_array_equal(corner.reshape(3, 3)[0], 0.0)
    np.testing.assert_array_equal(corner.reshape(3, 3)[1:, 1:], np.inf)


def test_the_input_stays_as_it_is() -> None:
    values = np.ones((1, 2, 4, 4), np.float32)
    Windows((3, 3), (1, 1), (1, 1, 1, 1), (1, 1)).take(values, 0, ALL)
    np.testing.assert_array_equal(values, 1.0)


@given(count=st.integers(1, 5000), offset=st.integers(0, 300), most=st.integers(1, 64))
def test_positions_are_few_and_different(count: int, offset: int, most: int) -> None:
    chosen = spread(count, offset, most)
    assert len(chosen) == len(set(chosen)) == min(count, most)
    assert chosen.min() >= 0
    assert chosen.max() < count
    np.testing.assert_array_equal(chosen, spread(count, offset % step_of(count, most), most))


@pytest.mark.parametrize(("offset", "first"), [(0, 0), (1, 7), (2, 4)])
def test_another_offset_begins_elsewhere(offset: int, first: int) -> None:
    assert spread(110, offset, 11)[0] == first % 10
