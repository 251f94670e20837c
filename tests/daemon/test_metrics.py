"""The metrics of a stream."""

from __future__ import annotations

from edgeinfer.daemon.metrics import StreamMetrics
from edgeinfer.telemetry.registry import MetricKey, Registry
from tests.fixtures.daemon import frame, result_of


def test_a_result_is_counted_and_measured_under_its_stream() -> None:
    registry = Registry()
    metrics = StreamMetrics.of(registry, "door")
    metrics.record(result_of(frame()))
    numbers = registry.snapshot()
    assert numbers[MetricKey("frames_total", "door")] == 1
    assert numbers[MetricKey("age_ms_p95", "door")] == 20.0
    assert numbers[MetricKey("preprocess_ms_p50", "door")] == 1.0
    assert numbers[MetricKey("infer_ms_p99", "door")] == 2.0
    assert numbers[MetricKey("postprocess_ms_p50", "door")] == 0.5
    assert {key.stream for key in numbers} == {"door"}


def test_the_same_stream_has_the_same_metrics() -> None:
    registry = Registry()
    StreamMetrics.of(registry, "door").errors.add()
    assert StreamMetrics.of(registry, "door").errors.value == 1
