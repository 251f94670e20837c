"""Observers."""

from __future__ import annotations

import numpy as np

from edgeinfer_converters.quantize.histogram import histogram_of
from edgeinfer_converters.quantize.observers import HistogramObserver, Observer


def test_sees_all_updates() -> None:
    observer: Observer = HistogramObserver()
    observer.update(np.array([[1, 2]], np.float32))
    observer.update(np.array([], np.float32))
    observer.update(np.array([-5], np.float32))
    together = histogram_of(np.array([1, 2, -5], np.float32))
    result = observer.result()
    assert result is not None
    assert (result.minimum, result.maximum, result.exponent) == (-5, 2, together.exponent)
    np.testing.assert_array_equal(result.counts, together.counts)


def test_memory_does_not_grow() -> None:
    observer = HistogramObserver()
    rng = np.random.default_rng(0)
    for scale in np.geomspace(1e-3, 1e3, 50):
        observer.update((rng.normal(size=100) * scale).astype(np.float32))
    result = observer.result()
    assert result is not None
    assert result.counts.nbytes <= 4096 * 8
    assert result.total == 5000


def test_nothing_seen() -> None:
    assert HistogramObserver().result() is None
