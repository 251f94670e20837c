"""The status line and the summary."""

from __future__ import annotations

from edgeinfer.daemon.metrics import StreamMetrics
from edgeinfer.daemon.states import StateBoard
from edgeinfer.daemon.status import status_line, summarize
from edgeinfer.sinks import SinkHealth
from edgeinfer.telemetry.registry import Registry
from tests.fixtures.daemon import NOON, frame, result_of

UP = SinkHealth("mqtt", 5, 1, connected=True)
DOWN = SinkHealth("mqtt", 5, 1, connected=False, fault="the broker refuses the connection: Not authorized")


def board() -> StateBoard:
    states = StateBoard("gate-1", lambda message: None, lambda: NOON)
    states.set("door", "running")
    states.set("gate", "failed", "no such bundle")
    return states


def test_the_status_says_what_does_not_run_and_why() -> None:
    assert status_line(board(), 2, [UP]) == "1 of 2 streams running; gate: no such bundle; mqtt: connected"
    assert status_line(board(), 2, [DOWN]).endswith(
        "; mqtt: the broker refuses the connection: Not authorized"
    )


def test_the_summary() -> None:
    registry = Registry()
    metrics = StreamMetrics.of(registry, "door")
    for number in range(21):
        metrics.record(result_of(frame(number)))
    metrics.dropped.add(3)
    summary = summarize(
        registry,
        ("door", "gate"),
        board(),
        [UP],
        active_s={"door": 2.0},
        duration_s=12.0,
        threads_left_behind=0,
    )
    door, gate = summary.streams
    assert (door.frames, door.fps, door.dropped, door.infer_p50_ms, door.age_p95_ms) == (
        21,
        10.0,
        3,
        2.0,
        20.0,
    )
    assert (gate.frames, gate.fps, gate.infer_p50_ms) == (0, 0.0, None)
    assert summary.failed == ("gate",)
    assert summary.text().splitlines() == [
        "door: running, 21 frames (10.0/s), 3 dropped, 0 errors, inference 2.0 ms, age at most 20 ms (p95)",
        "gate: failed, 0 frames, 0 dropped, 0 errors",
        "5 messages sent, 1 dropped, 12.0 s",
    ]


def test_a_single_frame_has_no_rate() -> None:
    registry = Registry()
    StreamMetrics.of(registry, "door").frames.add()
    summary = summarize(
        registry, ("door",), board(), [], active_s={"door": 0.0}, duration_s=1.0, threads_left_behind=0
    )
    assert summary.streams[0].fps == 0.0
