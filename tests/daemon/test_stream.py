"""Inference threads."""

from __future__ import annotations

import json
import logging
import threading

import pytest

from edgeinfer.daemon.mailbox import Mailbox
from edgeinfer.daemon.metrics import StreamMetrics
from edgeinfer.daemon.stream import INFER_LIMIT_S, Inference
from edgeinfer.errors import ModelError
from edgeinfer.frames import Frame
from edgeinfer.processing.results import encode_result
from edgeinfer.sinks.fake import FakeSink
from edgeinfer.telemetry.registry import Registry
from tests.fixtures.daemon import ManualTime, ScriptedPipeline, frame
from tests.fixtures.waiting import until


class Bench:
    """An inference with everything around it."""

    def __init__(self, pipeline: ScriptedPipeline, *, max_fps: float | None = None) -> None:
        self.clock = ManualTime()
        self.pipeline = pipeline
        self.mailbox = Mailbox()
        self.sink = FakeSink()
        self.registry = Registry()
        self.metrics = StreamMetrics.of(self.registry, "door")
        self.inference = Inference(
            "door",
            pipeline,
            self.mailbox,
            self.sink.send,
            encode_result,
            self.metrics,
            max_fps=max_fps,
            clock=self.clock,
        )

    def run(self, frames: list[Frame]) -> None:
        """Feed the frames in turn, and wait for the end."""
        self.inference.start()
        for one in frames:
            assert self.mailbox.put_in_turn(one)
        self.mailbox.close()
        assert self.inference.join(30)


def test_each_frame_gives_a_result_and_is_measured() -> None:
    bench = Bench(ScriptedPipeline())
    bench.run([frame(number) for number in range(5)])
    results = [json.loads(one.payload) for one in bench.sink.of("result", "door")]
    assert [one["sequence"] for one in results] == list(range(5))
    assert results[0]["classes"] == [{"label": "person", "score": 0.9}]
    assert bench.metrics.frames.value == 5
    assert bench.metrics.infer.percentiles()["p50"] == 2.0
    assert bench.metrics.age.percentiles()["p95"] == 20.0
    assert bench.pipeline.closed
    assert bench.inference.finished


def test_a_model_that_fails_on_a_frame_goes_on_with_the_next(caplog: pytest.LogCaptureFixture) -> None:
    def odd_frames_fail(one: Frame) -> None:
        if one.sequence % 2:
            raise ModelError("the runtime refused")

    bench = Bench(ScriptedPipeline(odd_frames_fail))
    bench.run([frame(number) for number in range(10)])
    assert (bench.metrics.frames.value, bench.metrics.errors.value) == (5, 5)
    assert [one.message for one in caplog.records] == ["stream door: the runtime refused"], "said once"
    assert caplog.records[0].exc_info is None


def test_errors_are_said_again_after_a_while_with_their_number(caplog: pytest.LogCaptureFixture) -> None:
    def fail(one: Frame) -> None:
        bench.clock.s += 61.0 if one.sequence == 4 else 0.0
        raise ModelError("the runtime refused")

    bench = Bench(ScriptedPipeline(fail))
    bench.run([frame(number) for number in range(5)])
    assert caplog.records[-1].message.endswith("(3 more since the last message)")


def test_a_bug_is_logged_with_its_traceback_and_survived(caplog: pytest.LogCaptureFixture) -> None:
    def break_once(one: Frame) -> None:
        if one.sequence == 0:
            raise KeyError("boxes")

    bench = Bench(ScriptedPipeline(break_once))
    bench.run([frame(0), frame(1)])
    assert (bench.metrics.frames.value, bench.metrics.errors.value) == (1, 1)
    assert "Traceback" in caplog.text
    assert caplog.records[0].levelno == logging.ERROR


def test_frames_that_came_too_fast_are_dropped_and_counted() -> None:
    working, go_on = threading.Semaphore(0), threading.Semaphore(0)

    def wait(one: Frame) -> None:
        working.release()
        assert go_on.acquire(timeout=30)

    bench = Bench(ScriptedPipeline(wait))
    bench.inference.start()
    bench.mailbox.put_newest(frame(0))
    assert working.acquire(timeout=30)
    for number in range(1, 6):
        bench.mailbox.put_newest(frame(number))
    go_on.release(2)
    bench.mailbox.close()
    assert bench.inference.join(30)
    assert [one.sequence for one in bench.pipeline.seen] == [0, 5]
    assert (bench.metrics.dropped.value, bench.metrics.skipped.value) == (4, 0)


def test_max_fps_skips_on_purpose() -> None:
    bench = Bench(ScriptedPipeline(), max_fps=20.0)
    waits: list[float] = []

    def wait(delay_s: float) -> bool:
        waits.append(delay_s)
        bench.mailbox.put_newest(frame(7))
        bench.mailbox.put_newest(frame(8))
        bench.clock.s += delay_s
        bench.mailbox.close()
        return False

    bench.inference._stop.wait = wait  # type: ignore[method-assign,assignment]  # time passes at once
    bench.mailbox.put_newest(frame(0))
    bench.inference.start()
    assert bench.inference.join(30)
    assert waits[0] == pytest.approx(0.05)
    assert [one.sequence for one in bench.pipeline.seen] == [0, 8]
    assert (bench.metrics.skipped.value, bench.metrics.dropped.value) == (1, 0)


def test_stopping_ends_the_pacing() -> None:
    bench = Bench(ScriptedPipeline(), max_fps=0.001)
    bench.inference.start()
    bench.mailbox.put_in_turn(frame(0))
    until(lambda: len(bench.pipeline.seen) == 1)
    bench.mailbox.put_in_turn(frame(1))
    bench.inference.stop()
    assert bench.inference.join(30)
    assert len(bench.pipeline.seen) == 1


def test_a_call_that_hangs_is_stuck() -> None:
    hanging, release = threading.Event(), threading.Event()

    def hang(one: Frame) -> None:
        hanging.set()
        release.wait(30)

    bench = Bench(ScriptedPipeline(hang))
    bench.inference.start()
    assert bench.inference.stuck() is None
    bench.mailbox.put_newest(frame(0))
    assert hanging.wait(30)
    bench.clock.s += INFER_LIMIT_S + 1
    assert "inference of door: `infer`" in str(bench.inference.stuck())
    bench.inference.stop()
    assert not bench.inference.join(0)
    assert not bench.inference.finished
    release.set()
    assert bench.inference.join(30)


def test_how_long_it_was_active() -> None:
    def take_a_second(one: Frame) -> None:
        bench.clock.s += 1.0

    bench = Bench(ScriptedPipeline(take_a_second))
    assert bench.inference.active_s == 0.0
    bench.run([frame(number) for number in range(4)])
    assert bench.inference.active_s == 3.0
