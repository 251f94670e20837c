"""Observers: what is remembered of a tensor while calibration samples stream by, in constant memory."""

from __future__ import annotations

from typing import Protocol

import numpy as np

from edgeinfer.frames import Array
from edgeinfer_converters.quantize.histogram import Histogram, histogram_of


class Observer(Protocol):
    """Sees the values of one tensor, sample by sample."""

    def update(self, values: Array) -> None:
        """Take in finite float32 values of any shape."""

    def result(self) -> Histogram | None:
        """What was seen; None if no value was."""


MAX_COUNTED = 2**15
"""Values of a tensor and sample that are counted; its minimum and maximum always are."""


class HistogramObserver:
    """Minimum, maximum and a histogram whose range grows."""

    def __init__(self) -> None:
        self._seen: Histogram | None = None

    def update(self, values: Array) -> None:
        """Take in finite float32 values of any shape."""
        if values.size:
            new = histogram_of(_some(values.reshape(-1)))
            self._seen = new if self._seen is None else self._seen + new

    def result(self) -> Histogram | None:
        """What was seen; None if no value was."""
        return self._seen


def _some(values: Array) -> Array:
    """All values, or every n-th beside the two extremes; n is odd, as rows and channels rarely are."""
    if values.size <= MAX_COUNTED:
        return values
    step = -(-values.size // MAX_COUNTED) | 1
    return np.concatenate([values[::step], [values.min(), values.max()]]).astype(values.dtype, copy=False)
