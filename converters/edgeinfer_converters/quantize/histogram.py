"""Histograms whose range grows: what is remembered of the values of a tensor, in constant memory.

Bins have a power of two as their width and lie at multiples of it, so that growing merges neighbours
exactly: no count is split or guessed. The width is the smallest with which all values seen, and zero,
fit into MAX_BINS bins; hence the law: a histogram does not depend on the order in which values came,
nor on how they were grouped.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import reduce

import numpy as np
import numpy.typing as npt

from edgeinfer.frames import Array

MAX_BINS = 4096
"""16 bins for each of 256 levels when nothing is clipped; 32 kB a tensor."""

_SMALLEST_EXPONENT = -100
Counts = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Histogram:
    """`counts[i]` values lie in [(first + i) * width, (first + i + 1) * width); width = 2 ** exponent.

    `minimum` and `maximum` are those of the values themselves.
    """

    exponent: int
    first: int
    counts: Counts
    minimum: float
    maximum: float

    @property
    def total(self) -> int:
        """How many values were counted."""
        return int(self.counts.sum())

    @property
    def width(self) -> float:
        """Of each bin."""
        return math.ldexp(1.0, self.exponent)

    def centres(self) -> npt.NDArray[np.float64]:
        """The middle of each bin."""
        indices = np.arange(self.first, self.first + len(self.counts), dtype=np.float64)
        return (indices + 0.5) * self.width

    def edges(self) -> npt.NDArray[np.float64]:
        """The bounds of the bins, one more than there are bins."""
        indices = np.arange(self.first, self.first + len(self.counts) + 1, dtype=np.float64)
        return indices * self.width

    def arrays(self) -> dict[str, Array]:
        """All of it; `histogram_from(one.arrays())` is the same histogram."""
        return {
            "bins": np.array([self.exponent, self.first], np.int64),
            "bounds": np.array([self.minimum, self.maximum], np.float64),
            "counts": self.counts,
        }

    def __add__(self, other: Histogram) -> Histogram:
        """The histogram of both sets of values."""
        low, high = min(self.minimum, other.minimum), max(self.maximum, other.maximum)
        exponent = fitting_exponent(low, high, at_least=max(self.exponent, other.exponent))
        first, size = _bins(low, high, exponent)
        counts = np.zeros(size, np.int64)
        for one in (self, other):
            _add_coarser(one, counts, exponent, first)
        return Histogram(exponent, first, counts, low, high)

    def with_values(self, values: Array) -> Histogram:
        """`self + histogram_of(values)`, without the histogram of the latter."""
        flat = values.reshape(-1)
        low = min(self.minimum, float(flat.min()))
        high = max(self.maximum, float(flat.max()))
        exponent = fitting_exponent(low, high, at_least=self.exponent)
        first, size = _bins(low, high, exponent)
        counts = _counted(flat, exponent, first, size)
        _add_coarser(self, counts, exponent, first)
        return Histogram(exponent, first, counts, low, high)


def histogram_of(values: Array) -> Histogram:
    """The histogram of finite float32 values of any shape, at least one."""
    flat = values.reshape(-1)
    low, high = float(flat.min()), float(flat.max())
    exponent = fitting_exponent(low, high)
    first, size = _bins(low, high, exponent)
    return Histogram(exponent, first, _counted(flat, exponent, first, size), low, high)


def _counted(values: Array, exponent: int, first: int, size: int) -> Counts:
    # A power of two scales floats exactly, so a value never moves to a neighbouring bin.
    scaled = np.multiply(values, np.float32(math.ldexp(1.0, -exponent)), dtype=np.float32)
    if first:
        np.floor(scaled, out=scaled)  # without negative values the integers below do it
        if exponent > 0:
            scaled[(scaled == 0) & (values < 0)] = -1  # what was too small to be scaled down
        scaled -= np.float32(first)
    return np.bincount(scaled.astype(np.intp), minlength=size).astype(np.int64, copy=False)


def histogram_from(arrays: Mapping[str, Array]) -> Histogram:
    """The inverse of `Histogram.arrays`. Raises ValueError for what no histogram gives."""
    dtypes = {"bins": np.int64, "bounds": np.float64, "counts": np.int64}
    if {name: array.dtype for name, array in arrays.items()} != dtypes:
        raise ValueError("not the arrays of a histogram")
    bins, bounds, counts = arrays["bins"], arrays["bounds"], arrays["counts"]
    if bins.shape != (2,) or bounds.shape != (2,) or not np.abs(bounds).max() <= np.finfo(np.float32).max:
        raise ValueError("not the bounds of a histogram")
    (exponent, first), (low, high) = map(int, bins), map(float, bounds)
    if low > high or exponent != fitting_exponent(low, high):
        raise ValueError("the bounds do not fit the bins")
    start, size = _bins(low, high, exponent)
    if first != start or counts.shape != (size,) or counts.min() < 0 or not counts.any():
        raise ValueError("the bins do not fit the bounds")
    return Histogram(exponent, first, counts, low, high)


def merge(histograms: list[Histogram]) -> Histogram:
    """The histogram of all values together; at least one."""
    return reduce(lambda one, other: one + other, histograms)


def fitting_exponent(low: float, high: float, *, at_least: int = _SMALLEST_EXPONENT) -> int:
    """The smallest exponent of a bin width with which `low`, `high` and zero fit into MAX_BINS bins."""
    span = max(high, 0.0) - min(low, 0.0)
    guess = math.frexp(span / MAX_BINS)[1] - 2 if span else at_least
    exponent = max(guess, at_least)
    while _bins(low, high, exponent)[1] > MAX_BINS:
        exponent += 1
    return exponent


def _bins(low: float, high: float, exponent: int) -> tuple[int, int]:
    """The index of the first bin and the number of bins from there to the last one."""
    first = math.floor(math.ldexp(min(low, 0.0), -exponent))
    last = math.floor(math.ldexp(max(high, 0.0), -exponent))
    return first, last - first + 1


def _add_coarser(histogram: Histogram, counts: Counts, exponent: int, first: int) -> None:
    """Add a histogram to counts of wider bins from `first` on: 2 ** shift neighbours become one."""
    start, merged = histogram.first, histogram.counts
    if exponent != histogram.exponent:
        # From all zeros to anything else the width may grow by more than the bits of an index.
        shift = min(exponent - histogram.exponent, 62)
        indices = (histogram.first + np.arange(len(merged))) >> shift
        start = int(indices[0])
        merged = np.add.reduceat(merged, np.searchsorted(indices, np.arange(start, indices[-1] + 1)))
    counts[start - first : start - first + len(merged)] += merged
