"""Windows of a convolution."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgeinfer_converters.quantize.windows import Windows, spread, step_of

ALL = 10_000


def padded(values: np.ndarray, windows: Windows) -> np.ndarray:
    """With zeros between the elements, and around them."""
    rank = len(windows.kernel)
    apart = windows.spacing or (1,) * rank
    sizes = [(size - 1) * gap + 1 for size, gap in zip(values.shape[2:], apart, strict=True)]
    spaced = np.zeros((*values.shape[:2], *sizes), values.dtype)
    every = slice(None)
    spaced[(every, every, *(slice(None, None, gap) for gap in apart))] = values
    sides = zip(windows.pads[:rank], windows.pads[rank:], strict=True)
    return np.pad(spaced, ((0, 0), (0, 0), *sides))


def by_slicing(values: np.ndarray, windows: Windows) -> np.ndarray:
    """(positions, channels, elements), taken from the padded input one by one."""
    whole = padded(values, windows)
    sizes = [(size - 1) * gap + 1 for size, gap in zip(windows.kernel, windows.dilations, strict=True)]
    starts = [
        range(0, room - size + 1, stride)
        for room, size, stride in zip(whole.shape[2:], sizes, windows.strides, strict=True)
    ]
    found = []
    for image, *begin in product(whole, *starts):
        sides = zip(begin, sizes, windows.dilations, strict=True)
        found.append(image[(slice(None), *(slice(one, one + size, gap) for one, size, gap in sides))])
    return np.stack(found).reshape(len(found), values.shape[1], -1)


@st.composite
def geometries(draw: st.DrawFn) -> tuple[Windows, tuple[int, ...]]:
    """Windows along one to three axes, and a shape that they fit into."""
    rank = draw(st.integers(1, 3))

    def numbers(least: int, most: int, times: int = 1) -> tuple[int, ...]:
        return tuple(draw(st.lists(st.integers(least, most), min_size=rank * times, max_size=rank * times)))

    spacing = numbers(1, 3) if draw(st.booleans()) else ()
    windows = Windows(numbers(1, 3), numbers(1, 3), numbers(0, 3, 2), numbers(1, 2), spacing)
    return windows, (draw(st.integers(1, 2)), draw(st.integers(1, 3)), *numbers(5, 9 if rank < 3 else 6))


@given(
    geometry=geometries(),
    offset=st.integers(0, 20),
    most=st.one_of(st.integers(1, 12), st.just(ALL)),
)
def test_windows_are_those_of_the_padded_input(
    geometry: tuple[Windows, tuple[int, ...]], offset: int, most: int
) -> None:
    windows, shape = geometry
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


@pytest.mark.parametrize("most", [16, 64])
@pytest.mark.parametrize("side", [14, 20, 28, 56, 112, 160])
def test_many_samples_see_all_columns_alike(side: int, most: int) -> None:
    seen = np.zeros(side)
    samples = 4 * side * side // most
    for offset in range(samples):
        np.add.at(seen, spread(side * side, offset, most) % side, 1)
    assert seen.max() < 1.3 * seen.mean()
    assert seen.min() > 0.7 * seen.mean()
