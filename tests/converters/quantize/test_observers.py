"""Observers."""

from __future__ import annotations

import numpy as np
import pytest

from edgeinfer_converters.quantize.histogram import histogram_of
from edgeinfer_converters.quantize.observers import MAX_COUNTED, MIN_COUNTED, HistogramObserver, Observer


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


def test_of_a_large_tensor_some_are_counted_and_its_extremes_always() -> None:
    values = np.random.default_rng(0).normal(size=(1, 8, 200, 100)).astype(np.float32)
    values[0, 3, 77, 6], values[0, 6, 1, 2] = -40.0, 50.0
    observer = HistogramObserver(samples=1000)
    observer.update(values)
    result = observer.result()
    assert result is not None
    assert (result.minimum, result.maximum) == (-40.0, 50.0)
    assert MIN_COUNTED / 2 < result.total <= MIN_COUNTED
    assert result.counts[[0, -1]].tolist() == [1, 1]
    spread = np.average(np.square(result.centres()[1:-1]), weights=result.counts[1:-1])
    assert 0.95 < spread < 1.05


def test_extremes_that_are_known_are_not_looked_for() -> None:
    values = np.random.default_rng(0).normal(size=(1, 8, 200, 100)).astype(np.float32)
    first, second = HistogramObserver(samples=1000), HistogramObserver(samples=1000)
    first.update(values)
    second.update(values, (float(values.min()), float(values.max())))
    for one, other in zip(first.state().values(), second.state().values(), strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("shape", [(1, 960, 7, 7), (1, 64, 56, 56), (1, 197, 768), (1, 30, 77, 91)])
def test_every_row_and_column_is_seen(shape: tuple[int, ...]) -> None:
    for axis in range(1, len(shape)):
        index = np.arange(shape[axis], dtype=np.float32).reshape(-1, *(1,) * (len(shape) - 1 - axis))
        observer = HistogramObserver(samples=1000)
        observer.update(np.ascontiguousarray(np.broadcast_to(index, shape)))
        result = observer.result()
        assert result is not None
        assert result.total <= MIN_COUNTED
        seen = np.add.reduceat(result.counts, np.searchsorted(result.edges()[:-1], index.reshape(-1)))
        assert seen.min() > result.total / shape[axis] / 2


@pytest.mark.parametrize(
    ("samples", "counted"),
    [(0, MAX_COUNTED), (1, MAX_COUNTED), (64, 2**15), (128, MIN_COUNTED), (512, MIN_COUNTED)],
)
def test_of_few_samples_more_is_counted(samples: int, counted: int) -> None:
    observer = HistogramObserver(samples)
    observer.update(np.random.default_rng(0).normal(size=500_009).astype(np.float32))
    result = observer.result()
    assert result is not None
    assert counted * 0.9 < result.total <= counted


def test_a_restored_observer_is_as_good_as_the_first() -> None:
    rng = np.random.default_rng(0)
    first, second = HistogramObserver(), HistogramObserver()
    second.restore(first.state())
    assert second.result() is None
    for scale in (1.0, 30.0, 0.1):
        first.update((rng.normal(size=50) * scale).astype(np.float32))
        second = HistogramObserver()
        second.restore(first.state())
        more = rng.normal(size=50).astype(np.float32)
        first.update(more)
        second.update(more)
        one, other = first.result(), second.result()
        assert one is not None
        assert other is not None
        assert (one.exponent, one.minimum, one.maximum) == (other.exponent, other.minimum, other.maximum)
        np.testing.assert_array_equal(one.counts, other.counts)


def test_a_foreign_state() -> None:
    with pytest.raises(ValueError, match="histogram"):
        HistogramObserver().restore({"total": np.zeros(3)})
