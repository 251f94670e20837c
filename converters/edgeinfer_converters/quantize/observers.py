"""Observers: what is remembered of a tensor while calibration samples stream by, in constant memory.

The law of their states: one that restored another's state gives, after the same values, the same result.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Protocol

import numpy as np

from edgeinfer.frames import Array
from edgeinfer_converters.quantize.histogram import Histogram, histogram_from, histogram_of


class Observer(Protocol):
    """Sees the values of one tensor, sample by sample."""

    def update(self, values: Array) -> None:
        """Take in finite float32 values of any shape."""

    def result(self) -> Histogram | None:
        """What was seen; None if no value was."""

    def state(self) -> Mapping[str, Array]:
        """All that the observer knows."""

    def restore(self, state: Mapping[str, Array]) -> None:
        """Go on from a state. Raises ValueError for what no such observer gives."""


MIN_COUNTED, MAX_COUNTED = 2**14, 2**17
"""Values of a tensor and sample that are counted, at least and at most; the two extremes always are."""

COUNTED_OF_ALL = 2**21
"""Values of a tensor in all samples that are enough to tell what is rare."""


class HistogramObserver:
    """Minimum, maximum and a histogram whose range grows."""

    def __init__(self, samples: int = 0) -> None:
        """`samples`: how many are expected, 0 if that is not known."""
        self._most = min(max(COUNTED_OF_ALL // max(samples, 1), MIN_COUNTED), MAX_COUNTED)
        self._seen: Histogram | None = None

    def update(self, values: Array, extremes: tuple[float, float] | None = None) -> None:
        """As any observer; `extremes` are the least and the greatest value where they are known."""
        if values.size:
            some = _some(values.reshape(-1), self._most, extremes)
            self._seen = histogram_of(some) if self._seen is None else self._seen.with_values(some)

    def result(self) -> Histogram | None:
        """What was seen; None if no value was."""
        return self._seen

    def state(self) -> Mapping[str, Array]:
        """The histogram, or nothing before the first value."""
        return {} if self._seen is None else self._seen.arrays()

    def restore(self, state: Mapping[str, Array]) -> None:
        """Go on from a state. Raises ValueError."""
        self._seen = histogram_from(state) if state else None


def _some(values: Array, most: int, extremes: tuple[float, float] | None) -> Array:
    """All values, or every n-th beside the two extremes: without them ranges come out too narrow.

    n has no divisor in common with the length of an axis, so that all rows and columns are seen.
    """
    if values.size <= most:
        return values
    step = -(-values.size // (most - 2))
    while math.gcd(step, values.size) > 1:
        step += 1
    bounds = (values.min(), values.max()) if extremes is None else extremes
    return np.concatenate([values[::step], np.array(bounds, values.dtype)])
