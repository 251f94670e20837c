"""The supervisor with fakes all around."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from datetime import datetime

import pytest

from edgeinfer.config import DeviceSettings, JsonlSettings, MetricsSettings, Settings, StreamSettings
from edgeinfer.daemon import supervise
from edgeinfer.daemon.info import info_document
from edgeinfer.daemon.loading import LoadedStream
from edgeinfer.daemon.status import Summary
from edgeinfer.daemon.supervise import Supervisor, Surroundings
from edgeinfer.daemon.systemd import Notifier
from edgeinfer.errors import CompatibilityError, SourceError
from edgeinfer.frames import Frame
from edgeinfer.sinks.fake import FakeSink
from tests.fixtures.daemon import NOON, ScriptedPipeline, ScriptedSource, frame, loaded
from tests.fixtures.waiting import until


class RecordingNotifier(Notifier):
    """Keeps what systemd would be told."""

    def __init__(self, watchdog_s: float | None = None) -> None:
        super().__init__("", watchdog_s)
        self.told: list[str] = []

    def _send(self, *lines: str) -> None:
        self.told.extend(lines)


def info(streams: tuple[LoadedStream, ...], started_at: datetime) -> bytes:
    return info_document("gate-1", tuple(one.info for one in streams), started_at)


class Bench:
    """A supervisor in a thread of its own."""

    def __init__(
        self,
        load: Callable[[StreamSettings], LoadedStream],
        *names: str,
        watchdog_s: float | None = None,
        interval_s: float = 10.0,
    ) -> None:
        streams = tuple(StreamSettings(name=one, source="synthetic:", bundle="person") for one in names)
        settings = Settings(
            stream=streams,
            device=DeviceSettings(name="gate-1"),
            jsonl=JsonlSettings(path="-"),
            metrics=MetricsSettings(interval_s=interval_s),
        )
        self.stop = threading.Event()
        self.sink = FakeSink()
        self.notifier = RecordingNotifier(watchdog_s)
        around = Surroundings(self.notifier, info, now=lambda: NOON, look_interval_s=0.002)
        self.supervisor = Supervisor(settings, load, [self.sink], around, self.stop)
        self.summary: Summary | None = None
        self.thread = threading.Thread(target=self._run)

    def _run(self) -> None:
        self.summary = self.supervisor.run()

    def finish(self) -> Summary:
        """Wait for the end."""
        self.thread.join(30)
        assert not self.thread.is_alive()
        assert self.summary is not None
        return self.summary

    def states(self, stream: str) -> list[str]:
        """The published states of a stream."""
        return [json.loads(one.payload)["state"] for one in self.sink.of("state", stream)]


def finite(frames: int) -> Callable[[StreamSettings], LoadedStream]:
    return lambda stream: loaded(stream, lambda: ScriptedSource([frame(one) for one in range(frames)]))


def endless(stream: StreamSettings) -> LoadedStream:
    def script() -> ScriptedSource:
        return ScriptedSource(iter(lambda: frame(1), None), live=True)

    return loaded(stream, script)


def test_files_are_read_to_their_ends_and_the_daemon_ends() -> None:
    bench = Bench(finite(30), "door", "gate")
    bench.thread.start()
    summary = bench.finish()
    assert [(one.name, one.state, one.frames) for one in summary.streams] == [
        ("door", "ended", 30),
        ("gate", "ended", 30),
    ]
    assert summary.failed == ()
    assert summary.threads_left_behind == 0
    assert len(bench.sink.of("result", "door")) == 30
    assert bench.states("door") == ["starting", "running", "ended"]
    assert bench.sink.closed


def test_info_comes_before_results_and_metrics_come_last() -> None:
    bench = Bench(finite(3), "door")
    bench.thread.start()
    bench.finish()
    kinds = [one.kind for one in bench.sink.messages]
    assert kinds.index("info") < kinds.index("result")
    assert kinds[-1] == "metrics"
    document = json.loads(bench.sink.of("info")[0].payload)
    assert document["streams"][0]["model"] == "person@1.0.0"
    metrics = json.loads(bench.sink.of("metrics")[-1].payload)
    assert metrics["streams"]["door"]["frames_total"] == 3
    assert metrics["messages_sent_total"] == len(kinds) - 1


def test_a_stop_ends_cameras_in_order() -> None:
    bench = Bench(endless, "door", "gate")
    bench.thread.start()
    assert bench.sink.wait_for(lambda seen: bool(seen.of("result", "door") and seen.of("result", "gate")))
    bench.stop.set()
    summary = bench.finish()
    assert summary.threads_left_behind == 0
    assert {one.state for one in summary.streams} == {"running"}
    assert bench.notifier.told[-2:] == ["STOPPING=1", "STATUS=stopping"]
    assert not [one for one in threading.enumerate() if one.name.startswith(("capture-", "inference-"))]


def test_a_stream_that_cannot_be_loaded_does_not_hold_up_the_others(caplog: pytest.LogCaptureFixture) -> None:
    def load(stream: StreamSettings) -> LoadedStream:
        if stream.name == "door":
            raise CompatibilityError("person 1.0.0 is for aarch64", hint="build it anew")
        return finite(3)(stream)

    bench = Bench(load, "door", "gate")
    bench.thread.start()
    summary = bench.finish()
    assert summary.failed == ("door",)
    assert bench.states("door") == ["starting", "failed"]
    assert bench.states("gate") == ["starting", "running", "ended"]
    assert "stream door does not start: person 1.0.0 is for aarch64; build it anew" in caplog.text
    assert bench.sink.of("log"), "it is published too"


def test_where_no_stream_can_be_loaded_the_daemon_ends() -> None:
    def load(stream: StreamSettings) -> LoadedStream:
        raise CompatibilityError("no")

    bench = Bench(load, "door")
    bench.thread.start()
    assert bench.finish().failed == ("door",)


def test_a_stop_while_loading_starts_nothing() -> None:
    bench = Bench(endless, "door")
    bench.stop.set()
    bench.thread.start()
    assert bench.finish().streams[0].frames == 0
    assert bench.sink.of("result") == ()


def test_a_sink_that_is_away_stops_nothing() -> None:
    bench = Bench(finite(20), "door")
    bench.sink.connected = False
    bench.thread.start()
    summary = bench.finish()
    assert summary.streams[0].frames == 20
    assert summary.messages_dropped >= 20
    assert summary.sent == 0


def test_metrics_come_again_and_again() -> None:
    bench = Bench(endless, "door")
    bench.supervisor._settings = Settings(  # below the least interval that a file may ask for
        stream=bench.supervisor._settings.stream, metrics=MetricsSettings(interval_s=0.01)
    )
    bench.thread.start()
    assert bench.sink.wait_for(lambda seen: len(seen.of("metrics")) >= 3)
    bench.stop.set()
    bench.finish()


def test_systemd_is_told_of_readiness_life_and_status(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(supervise, "STATUS_INTERVAL_S", 0.01)
    bench = Bench(endless, "door", watchdog_s=0.02)
    bench.thread.start()
    until(lambda: bench.notifier.told.count("WATCHDOG=1") >= 3)
    until(lambda: "STATUS=1 of 1 streams running; fake: connected" in bench.notifier.told)
    bench.sink.connected = False
    until(lambda: "STATUS=1 of 1 streams running; fake: played outage" in bench.notifier.told)
    bench.stop.set()
    bench.finish()
    assert bench.notifier.told[0] == "STATUS=loading person for door"
    assert bench.notifier.told.count("READY=1") == 1


def statuses(bench: Bench) -> int:
    """How often the supervisor has told its status: a proof that it goes on looking."""
    return sum(one.startswith("STATUS=") for one in bench.notifier.told)


def test_a_hanging_inference_stops_the_signs_of_life_but_not_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("edgeinfer.daemon.stream.INFER_LIMIT_S", 0.05)
    monkeypatch.setattr(supervise, "STOP_TIMEOUT_S", 0.1)
    monkeypatch.setattr(supervise, "STATUS_INTERVAL_S", 0.01)
    hanging, release = threading.Event(), threading.Event()

    def hang(one: Frame) -> None:
        hanging.set()
        release.wait(30)

    def load(stream: StreamSettings) -> LoadedStream:
        return loaded(stream, lambda: ScriptedSource([frame(0), frame(1)]), ScriptedPipeline(hang))

    bench = Bench(load, "door", watchdog_s=0.02)
    bench.thread.start()
    assert hanging.wait(30)
    assert bench.sink.wait_for(lambda seen: any(b"has taken" in one.payload for one in seen.of("log")))
    signs = bench.notifier.told.count("WATCHDOG=1")
    looks = statuses(bench)
    until(lambda: statuses(bench) >= looks + 5)
    assert bench.notifier.told.count("WATCHDOG=1") == signs
    bench.stop.set()
    summary = bench.finish()
    release.set()
    assert summary.threads_left_behind >= 1


def test_a_camera_that_is_away_does_not_stop_the_signs_of_life() -> None:
    def load(stream: StreamSettings) -> LoadedStream:
        return loaded(stream, lambda: ScriptedSource([SourceError("unplugged")], live=True))

    bench = Bench(load, "door", watchdog_s=0.02)
    bench.thread.start()
    until(lambda: bench.notifier.told.count("WATCHDOG=1") >= 3)
    bench.stop.set()
    bench.finish()
    assert bench.states("door") == ["starting", "reconnecting"]
