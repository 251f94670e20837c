"""The metrics document."""

from __future__ import annotations

import json
from datetime import datetime, timedelta, timezone
from typing import Any

from edgeinfer.strict import decode_json
from edgeinfer.telemetry.document import MetricsDocument, MetricsReporter, encode_metrics
from edgeinfer.telemetry.registry import Registry
from edgeinfer.telemetry.system import SystemSample

NOON = datetime(2026, 11, 21, 12, 0, 0, 123456, tzinfo=timezone(timedelta(hours=1)))


def report(reporter: MetricsReporter, now_s: float, system: SystemSample | None = None) -> dict[str, Any]:
    document = reporter.report(system or SystemSample(), sent=7, dropped=2, now_s=now_s, time=NOON)
    decoded: dict[str, Any] = json.loads(encode_metrics(document))
    return decoded


def test_what_it_says_of_a_device() -> None:
    reporter = MetricsReporter(Registry(), "gate-1", (), now_s=100.0)
    system = SystemSample(process_memory_bytes=123, temperature_celsius=51.5, throttled=True)
    assert report(reporter, 110.5, system) == {
        "schema": 1,
        "device": "gate-1",
        "time": "2026-11-21T11:00:00.123Z",
        "uptime_s": 10.5,
        "messages_sent_total": 7,
        "messages_dropped_total": 2,
        "streams": {},
        "process_memory_bytes": 123,
        "temperature_celsius": 51.5,
        "throttled": 1,
    }


def test_frames_per_second_are_those_since_the_document_before() -> None:
    registry = Registry()
    reporter = MetricsReporter(registry, "gate-1", ("door", "gate"), now_s=0.0)
    registry.counter("frames_total", "door").add(50)
    first = report(reporter, 10.0)["streams"]
    registry.counter("frames_total", "door").add(10)
    second = report(reporter, 15.0)["streams"]
    assert (first["door"]["fps"], second["door"]["fps"]) == (5.0, 2.0)
    assert second["door"]["frames_total"] == 60
    assert second["gate"] == {"fps": 0.0}


def test_percentiles_of_a_stream_that_stands_still_are_left_out() -> None:
    registry = Registry()
    reporter = MetricsReporter(registry, "gate-1", ("door",), now_s=0.0)
    registry.counter("frames_total", "door").add()
    registry.summary("infer_ms", "door").record(11.23456)
    assert report(reporter, 10.0)["streams"]["door"]["infer_ms_p95"] == 11.235
    assert "infer_ms_p95" not in report(reporter, 20.0)["streams"]["door"]


def test_a_document_right_after_the_one_before_divides_by_no_zero() -> None:
    reporter = MetricsReporter(Registry(), "gate-1", ("door",), now_s=5.0)
    assert report(reporter, 5.0)["streams"]["door"]["fps"] == 0.0


def numbers_in(value: object) -> bool:
    if isinstance(value, dict):
        return all(numbers_in(one) for one in value.values())
    return isinstance(value, int | float)


def test_bridges_find_flat_objects_of_numbers() -> None:
    registry = Registry()
    registry.counter("frames_total", "door").add()
    registry.summary("age_ms", "door").record(1.0)
    reporter = MetricsReporter(registry, "gate-1", ("door",), now_s=0.0)
    document = report(reporter, 1.0, SystemSample(process_threads=3))
    words = {"device", "time"}
    assert all(numbers_in(value) for name, value in document.items() if name not in words)
    assert all(not isinstance(one, dict) for one in document["streams"]["door"].values())


def test_it_reads_back() -> None:
    reporter = MetricsReporter(Registry(), "gate-1", ("door",), now_s=0.0)
    document = reporter.report(SystemSample(process_threads=3), sent=0, dropped=0, now_s=1.0, time=NOON)
    assert decode_json(encode_metrics(document), MetricsDocument, "metrics") == document
