"""Capture threads: restarts, ends, hangs."""

from __future__ import annotations

import json
import logging
import threading
from collections.abc import Callable, Iterator

import pytest

from edgeinfer.daemon import capture as capture_module
from edgeinfer.daemon.capture import MAX_ABANDONED, MAX_FAILED_READS, Capture, Limits
from edgeinfer.daemon.mailbox import Mailbox
from edgeinfer.daemon.metrics import StreamMetrics
from edgeinfer.daemon.states import StateBoard
from edgeinfer.errors import SourceError
from edgeinfer.frames import Frame
from edgeinfer.sinks.fake import FakeSink
from edgeinfer.sources import Source
from edgeinfer.telemetry.registry import Registry
from tests.fixtures.daemon import NOON, ManualTime, ScriptedSource, SilentSource, frame
from tests.fixtures.waiting import until


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(capture_module, "BackoffSinceProgress", quick_backoff)


def quick_backoff(made_progress: Callable[[], bool]) -> Callable[[object], float]:
    def wait(state: object) -> float:
        made_progress()
        return 0.001

    return wait


class Bench:
    """A capture with everything around it."""

    def __init__(self, open_source: Callable[[], Source], *, limits: Limits | None = None) -> None:
        self.clock = ManualTime()
        self.sink = FakeSink()
        self.states = StateBoard("gate-1", self.sink.send, lambda: NOON)
        self.mailbox = Mailbox()
        self.metrics = StreamMetrics.of(Registry(), "door")
        self.capture = Capture(
            "door",
            open_source,
            self.mailbox,
            self.states,
            self.metrics,
            limits=limits or Limits(),
            clock=self.clock,
        )

    def take_all(self) -> list[Frame]:
        """Every frame until the mailbox is closed."""
        found: list[Frame] = []
        while (one := self.mailbox.take()) is not None:
            found.append(one)
        return found

    def history(self) -> list[str]:
        """The states in order, without repetitions for other reasons."""
        states = [json.loads(one.payload)["state"] for one in self.sink.of("state")]
        return [one for number, one in enumerate(states) if number == 0 or states[number - 1] != one]


def sources(*scripts: ScriptedSource) -> Callable[[], Source]:
    remaining: Iterator[ScriptedSource] = iter(scripts)
    return lambda: next(remaining)


def test_a_file_is_read_to_its_end_without_a_loss() -> None:
    source = ScriptedSource([frame(number) for number in range(50)])
    bench = Bench(sources(source))
    bench.capture.start()
    assert [one.sequence for one in bench.take_all()] == list(range(50))
    assert bench.capture.join(30)
    assert bench.history() == ["running", "ended"]
    assert source.closed.is_set()
    assert (bench.metrics.captured.value, bench.metrics.restarts.value) == (50, 0)


def test_a_camera_overwrites_what_nobody_takes() -> None:
    bench = Bench(sources(ScriptedSource([frame(number) for number in range(50)], live=True)))
    bench.capture.start()
    assert bench.capture.join(30)
    [last] = bench.take_all()
    assert last.sequence == 49
    assert bench.mailbox.replaced == 49


def test_a_camera_that_fails_is_opened_again_and_numbered_on(caplog: pytest.LogCaptureFixture) -> None:
    gone = SourceError("rtsp://user:hunter2@camera: gone", hint="look at the cable")
    bench = Bench(
        sources(
            ScriptedSource([frame(0), frame(1), gone], live=True),
            ScriptedSource([gone], live=True),
            ScriptedSource([frame(0)], live=True),
        )
    )
    bench.capture.start()
    found = bench.take_all()
    assert found[-1].sequence == 2
    assert bench.history() == ["running", "reconnecting", "running", "ended"]
    assert bench.metrics.restarts.value == 2
    warnings = [one for one in caplog.records if one.levelno == logging.WARNING]
    assert len(warnings) == 1, "the same reason is said once"
    assert "***@camera: gone; look at the cable; trying again" in warnings[0].message
    assert "hunter2" not in caplog.text


def test_a_camera_is_tried_for_ever() -> None:
    attempts = threading.Semaphore(0)

    def open_source() -> Source:
        attempts.release()
        raise SourceError("not there")

    bench = Bench(open_source)
    bench.capture.start()
    for _ in range(5 * MAX_FAILED_READS):
        assert attempts.acquire(timeout=30)
    bench.capture.stop()
    assert bench.capture.join(30)
    assert bench.history() == ["reconnecting"]


def test_an_unexpected_error_is_logged_with_its_traceback_and_survived(
    caplog: pytest.LogCaptureFixture,
) -> None:
    bench = Bench(sources(ScriptedSource([ZeroDivisionError("odd")]), ScriptedSource([frame(0)])))
    bench.capture.start()
    assert len(bench.take_all()) == 1
    assert "Traceback" in caplog.text
    assert "ZeroDivisionError: odd" in caplog.text


def test_a_file_that_breaks_off_each_time_is_given_up(caplog: pytest.LogCaptureFixture) -> None:
    bench = Bench(lambda: ScriptedSource([frame(0), SourceError("row 2 has no column x")]))
    bench.capture.start()
    assert len(bench.take_all()) == MAX_FAILED_READS
    assert bench.capture.join(30)
    assert bench.history()[-1] == "failed"
    assert bench.states.reasons() == {"door": "row 2 has no column x"}
    assert "given up after 5 attempts" in caplog.text


def test_stopping_ends_a_source_that_waits() -> None:
    bench = Bench(sources(SilentSource()))
    bench.capture.start()
    until(lambda: bench.capture._run.source is not None)
    bench.capture.stop()
    assert bench.capture.join(30)
    assert bench.history() == []


def test_stopping_ends_the_wait_for_the_next_attempt(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(capture_module, "BackoffSinceProgress", lambda progress: lambda state: 3600.0)
    bench = Bench(lambda: ScriptedSource([SourceError("gone")]))
    bench.capture.start()
    until(lambda: bench.history() == ["reconnecting"])
    bench.capture.stop()
    assert bench.capture.join(30)


def test_a_capture_that_was_never_started_can_be_stopped() -> None:
    bench = Bench(sources())
    bench.capture.stop()
    assert bench.capture.join(0)


class Hanging:
    """Makes sources whose `read` hangs until the test lets go."""

    def __init__(self) -> None:
        self.released = threading.Event()
        self.reading = threading.Semaphore(0)

    def source(self, *, live: bool = True) -> ScriptedSource:
        def hang() -> None:
            self.reading.release()
            self.released.wait(30)

        return ScriptedSource([frame(0), hang, frame(1)], live=live)


def test_a_hanging_camera_is_abandoned_and_replaced_a_bounded_number_of_times() -> None:
    hanging = Hanging()
    bench = Bench(hanging.source, limits=Limits(read_s=60.0))
    bench.capture.start()
    for number in range(MAX_ABANDONED):
        assert hanging.reading.acquire(timeout=30)
        assert bench.capture.replace_if_hung() is None, "not yet"
        bench.clock.s += 61.0
        assert bench.capture.replace_if_hung() is None, "replaced"
        assert bench.capture.abandoned == number + 1
    assert hanging.reading.acquire(timeout=30)
    bench.clock.s += 61.0
    stuck = bench.capture.replace_if_hung()
    assert stuck is not None
    assert "`read` has taken 61 s" in str(stuck)
    assert bench.states.of("door") == "failed"
    bench.capture.stop()
    assert not bench.capture.join(0)
    hanging.released.set()
    assert bench.capture.join(30)


def test_an_abandoned_thread_that_returns_delivers_nothing_more() -> None:
    hanging = Hanging()
    silent = SilentSource(live=True)
    remaining = iter([hanging.source(), silent])
    bench = Bench(lambda: next(remaining))
    bench.capture.start()
    assert hanging.reading.acquire(timeout=30)
    first = bench.capture._run.thread
    bench.clock.s += 61.0
    bench.capture.replace_if_hung()
    hanging.released.set()
    assert first is not None
    first.join(30)
    assert not first.is_alive()
    assert bench.metrics.captured.value == 1, "the frame before it hung"
    assert bench.states.of("door") == "reconnecting"
    bench.capture.stop()
    silent.closed.set()
    assert bench.capture.join(30)


def test_a_source_that_is_followed_may_be_silent_for_days() -> None:
    hanging = Hanging()
    bench = Bench(lambda: hanging.source(live=False))
    bench.capture.start()
    assert bench.mailbox.take() is not None
    assert hanging.reading.acquire(timeout=30)
    bench.clock.s += 1e6
    assert bench.capture.replace_if_hung() is None
    assert bench.capture.abandoned == 0
    bench.capture.stop()
    hanging.released.set()
    assert bench.capture.join(30)


def test_opening_has_a_limit_too() -> None:
    released, opening = threading.Event(), threading.Semaphore(0)

    def open_source() -> Source:
        opening.release()
        released.wait(30)
        return ScriptedSource([frame(0)])

    bench = Bench(open_source, limits=Limits(open_s=5.0))
    bench.capture.start()
    assert opening.acquire(timeout=30)
    bench.clock.s += 6.0
    bench.capture.replace_if_hung()
    assert bench.capture.abandoned == 1
    released.set()
    assert len(bench.take_all()) == 1


def test_threads_are_named_and_do_not_keep_the_process() -> None:
    hanging = Hanging()
    bench = Bench(hanging.source)
    bench.capture.start()
    assert hanging.reading.acquire(timeout=30)
    thread = next(one for one in threading.enumerate() if one.name == "capture-door")
    assert thread.daemon
    hanging.released.set()
    bench.capture.stop()
    assert bench.capture.join(30)
