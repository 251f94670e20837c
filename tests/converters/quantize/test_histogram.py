"""Histograms whose range grows."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from edgeinfer_converters.quantize.histogram import (
    MAX_BINS,
    Histogram,
    fitting_exponent,
    histogram_from,
    histogram_of,
    merge,
)

FINITE = st.floats(min_value=-(2.0**100), max_value=2.0**100, width=32)
ARRAYS = hnp.arrays(np.float32, st.integers(min_value=1, max_value=40), elements=FINITE)


def same(one: Histogram, other: Histogram) -> bool:
    return (one.exponent, one.first, one.minimum, one.maximum) == (
        other.exponent,
        other.first,
        other.minimum,
        other.maximum,
    ) and np.array_equal(one.counts, other.counts)


@given(values=ARRAYS)
def test_every_value_is_counted_in_its_bin(values: np.ndarray) -> None:
    histogram = histogram_of(values)
    assert histogram.total == values.size
    assert len(histogram.counts) <= MAX_BINS
    assert (histogram.minimum, histogram.maximum) == (values.min(), values.max())
    width = math.ldexp(1.0, histogram.exponent)
    for value in values.astype(np.float64):
        assert histogram.counts[math.floor(value / width) - histogram.first] > 0


@given(arrays=st.lists(ARRAYS, min_size=1, max_size=6), seed=st.integers(min_value=0, max_value=99))
def test_order_and_grouping_do_not_matter(arrays: list[np.ndarray], seed: int) -> None:
    together = histogram_of(np.concatenate(arrays))
    shuffled = [arrays[index] for index in np.random.default_rng(seed).permutation(len(arrays))]
    assert same(merge([histogram_of(one) for one in shuffled]), together)


@given(first=ARRAYS, second=ARRAYS)
def test_growing_keeps_the_counts(first: np.ndarray, second: np.ndarray) -> None:
    one, other = histogram_of(first), histogram_of(second)
    both = one + other
    assert both.total == one.total + other.total
    assert both.exponent >= max(one.exponent, other.exponent)
    assert len(both.counts) <= MAX_BINS


@given(first=ARRAYS, second=ARRAYS)
def test_values_are_added_as_their_histogram_is(first: np.ndarray, second: np.ndarray) -> None:
    one = histogram_of(first)
    assert same(one.with_values(second), one + histogram_of(second))
    assert same(one.with_values(second.reshape(1, -1, 1)), one + histogram_of(second))


def test_adding_values_leaves_a_histogram_as_it_was() -> None:
    one = histogram_of(np.array([0.25, 1.0], np.float32))
    before = one.counts.copy()
    for value in (0.5, 1e6, -3.0):
        assert one.with_values(np.array([value], np.float32)).total == 3
    np.testing.assert_array_equal(one.counts, before)


@given(values=ARRAYS)
def test_the_width_is_the_smallest_that_fits(values: np.ndarray) -> None:
    low, high = float(values.min()), float(values.max())
    exponent = fitting_exponent(low, high)
    low, high = min(low, 0.0), max(high, 0.0)

    def bins(candidate: int) -> int:
        return math.floor(math.ldexp(high, -candidate)) - math.floor(math.ldexp(low, -candidate)) + 1

    assert bins(exponent) <= MAX_BINS
    assert exponent == -100 or bins(exponent - 1) > MAX_BINS


def test_an_outlier_makes_the_bins_wider_and_loses_nothing() -> None:
    near = histogram_of(np.linspace(-1, 1, 1000, dtype=np.float32))
    far = near + histogram_of(np.array([1e6], np.float32))
    assert far.total == 1001
    assert far.exponent > near.exponent
    assert far.counts[-1] == 1


def test_centres() -> None:
    histogram = histogram_of(np.array([-1.0, 0.0, 3.0], np.float32))
    centres = histogram.centres()[histogram.counts > 0]
    width = math.ldexp(1.0, histogram.exponent)
    np.testing.assert_allclose(centres, np.array([-1.0, 0.0, 3.0]) + width / 2)


@pytest.mark.parametrize("value", [0.0, -0.0, 1e-45, -1e-45, 3.4e38, -3.4e38])
def test_extreme_constants(value: float) -> None:
    histogram = histogram_of(np.full((2, 3), value, np.float32))
    assert histogram.total == 6
    assert len(histogram.counts) <= MAX_BINS


@given(ARRAYS, ARRAYS)
def test_arrays_and_back(one: np.ndarray, other: np.ndarray) -> None:
    for histogram in (histogram_of(one), histogram_of(one) + histogram_of(other)):
        assert same(histogram_from(histogram.arrays()), histogram)


@pytest.mark.parametrize(
    ("name", "array"),
    [
        ("bins", np.array([0], np.int64)),
        ("bins", np.array([0, 0, 0], np.int64)),
        ("bins", np.array([-11, 1], np.int64)),
        ("bins", np.array([-10, 0], np.int64)),
        ("bins", np.array([2**62, 0], np.int64)),
        ("bins", np.array([-11, 0], np.float64)),
        ("bounds", np.array([0.5, np.nan])),
        ("bounds", np.array([-np.inf, 1.5])),
        ("bounds", np.array([0.5, 1e300])),
        ("bounds", np.array([1.5, 0.5])),
        ("bounds", np.array([0.5, 1.0])),
        ("bounds", np.array(1.5)),
        ("counts", np.zeros(0, np.int64)),
        ("counts", np.ones((2, 2), np.int64)),
        ("counts", np.ones(7, np.int64)),
        ("more", np.zeros(1)),
    ],
)
def test_what_no_histogram_gives(name: str, array: np.ndarray) -> None:
    arrays = histogram_of(np.array([0.5, 1.5], np.float32)).arrays()
    assert histogram_from(arrays).maximum == 1.5
    with pytest.raises(ValueError, match=r"histogram|bounds|bins"):
        histogram_from({**arrays, name: array})


@pytest.mark.parametrize("count", [0, -1])
def test_counts_are_not_negative_and_not_all_zero(count: int) -> None:
    arrays = histogram_of(np.array([0.5, 1.5], np.float32)).arrays()
    with pytest.raises(ValueError, match="bins"):
        histogram_from({**arrays, "counts": np.full_like(arrays["counts"], count)})
