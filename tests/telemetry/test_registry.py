"""Counters, gauges, summaries."""

from __future__ import annotations

import math
import threading
import tracemalloc

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgeinfer.telemetry.registry import Counter, Gauge, MetricKey, Registry, Summary

FINITE = st.floats(-1e9, 1e9)


def test_a_counter_only_rises() -> None:
    counter = Counter()
    counter.add()
    counter.add(3)
    assert counter.value == 4
    with pytest.raises(ValueError, match="only rises"):
        counter.add(-1)


def test_counting_from_several_threads_loses_nothing() -> None:
    counter = Counter()

    def count() -> None:
        for _ in range(2000):
            counter.add()

    threads = [threading.Thread(target=count) for _ in range(4)]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    assert counter.value == 8000


def test_a_gauge_is_unknown_until_it_is_set() -> None:
    gauge = Gauge()
    assert math.isnan(gauge.value)
    gauge.set(3)
    gauge.set(2.5)
    assert gauge.value == 2.5


@given(st.lists(FINITE, min_size=1, max_size=300))
def test_percentiles_are_numpys_by_nearest_rank(samples: list[float]) -> None:
    summary = Summary(window=512)
    for one in samples:
        summary.record(one)
    expected = np.percentile(samples, [50, 95, 99], method="inverted_cdf")
    assert list(summary.percentiles().values()) == expected.tolist()
    assert list(summary.percentiles()) == ["p50", "p95", "p99"]


@given(st.lists(FINITE, min_size=1, max_size=100), st.integers(1, 20))
def test_the_window_holds_the_newest_samples(samples: list[float], window: int) -> None:
    summary = Summary(window=window)
    for one in samples:
        summary.record(one)
    only = Summary(window=window)
    for one in samples[-window:]:
        only.record(one)
    assert summary.percentiles() == only.percentiles()
    assert summary.count == len(samples)


def test_a_summary_without_samples_says_nothing() -> None:
    assert Summary().percentiles() == {}
    with pytest.raises(ValueError, match="at least one sample"):
        Summary(window=0)


def test_recording_does_not_grow_the_memory() -> None:
    summary = Summary()
    for number in range(600):
        summary.record(number)
    tracemalloc.start()
    before = tracemalloc.get_traced_memory()[0]
    for number in range(20_000):
        summary.record(number)
    grown = tracemalloc.get_traced_memory()[0] - before
    tracemalloc.stop()
    assert grown < 2000


def test_asking_twice_gives_the_same_metric() -> None:
    registry = Registry()
    registry.counter("frames_total", "door").add()
    registry.counter("frames_total", "door").add()
    registry.counter("frames_total", "gate").add(5)
    assert registry.snapshot() == {MetricKey("frames_total", "door"): 2, MetricKey("frames_total", "gate"): 5}


def test_a_name_is_of_one_kind() -> None:
    registry = Registry()
    registry.counter("frames_total")
    with pytest.raises(TypeError, match="frames_total is a Counter, not a Gauge"):
        registry.gauge("frames_total")


def test_a_snapshot_holds_finite_numbers_only() -> None:
    registry = Registry()
    registry.gauge("unset_celsius")
    registry.gauge("temperature_celsius").set(51.5)
    registry.summary("age_ms", "door")
    registry.summary("infer_ms", "door").record(4.0)
    assert registry.snapshot() == {
        MetricKey("temperature_celsius"): 51.5,
        MetricKey("infer_ms_p50", "door"): 4.0,
        MetricKey("infer_ms_p95", "door"): 4.0,
        MetricKey("infer_ms_p99", "door"): 4.0,
    }
