"""The supervisor: starts the streams, watches over them, ends in order.

    load ─▶ capture ─▶ mailbox ─▶ inference ─▶ sinks        a capture and an inference thread each
              ▲____________ supervisor ____________▲        this thread: watchdog, metrics, status

A stream whose bundle cannot be loaded is `failed` and the others run. A broker or a camera that is away
stops nothing. A call that hangs for good stops the signs of life, and systemd restarts the service.
"""

from __future__ import annotations

import contextlib
import logging
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timezone

from edgeinfer.config import Settings, StreamSettings
from edgeinfer.daemon.capture import DEFAULT_LIMITS, Capture, Limits
from edgeinfer.daemon.loading import LoadedStream, Loader
from edgeinfer.daemon.log import published_log
from edgeinfer.daemon.mailbox import Mailbox
from edgeinfer.daemon.metrics import StreamMetrics
from edgeinfer.daemon.progress import Clock, Stuck
from edgeinfer.daemon.states import StateBoard
from edgeinfer.daemon.status import Summary, status_line, summarize
from edgeinfer.daemon.stream import Inference
from edgeinfer.daemon.systemd import Notifier
from edgeinfer.daemon.watchdog import Watchdog
from edgeinfer.errors import EdgeInferError
from edgeinfer.processing.results import encode_result
from edgeinfer.sinks import Message, Sink
from edgeinfer.telemetry.document import MetricsReporter, encode_metrics
from edgeinfer.telemetry.registry import Registry
from edgeinfer.telemetry.system import SystemReader

logger = logging.getLogger(__name__)

LOOK_INTERVAL_S = 0.25
STATUS_INTERVAL_S = 5.0
STOP_TIMEOUT_S = 2.0


def utc_now() -> datetime:
    """The wall clock, for stamps only."""
    return datetime.now(timezone.utc)


@dataclass(frozen=True)
class Surroundings:
    """What the supervisor touches of the world; tests give their own."""

    notifier: Notifier
    info: Callable[[tuple[LoadedStream, ...], datetime], bytes]
    clock: Clock = time.monotonic
    now: Callable[[], datetime] = utc_now
    look_interval_s: float = LOOK_INTERVAL_S
    limits: Limits = DEFAULT_LIMITS


@dataclass(frozen=True)
class RunningStream:
    """The two threads of a stream."""

    name: str
    capture: Capture
    inference: Inference

    def stuck(self) -> Iterator[Stuck]:
        """What hangs for good; a capture that hangs is replaced on the way, as long as that is allowed."""
        stuck = (self.capture.replace_if_hung(), self.inference.stuck())
        yield from (one for one in stuck if one is not None)


class Supervisor:
    """Runs the streams of one settings file until they end or `stop` is set."""

    def __init__(
        self,
        settings: Settings,
        load: Loader,
        sinks: Sequence[Sink],
        surroundings: Surroundings,
        stop: threading.Event,
    ) -> None:
        self._settings = settings
        self._load = load
        self._sinks = sinks
        self._around = surroundings
        self._stop = stop
        self._registry = Registry()
        self._states = StateBoard(settings.device.name, self._send, surroundings.now)
        self._watchdog = Watchdog(surroundings.notifier.watchdog_interval_s)
        self._system = SystemReader()
        self._started_s = surroundings.clock()
        names = tuple(one.name for one in settings.stream)
        self._reporter = MetricsReporter(self._registry, settings.device.name, names, self._started_s)
        self._left_behind = 0
        self._active_s: dict[str, float] = {}

    def run(self) -> Summary:
        """Start everything, watch over it, and end it in order."""
        with contextlib.ExitStack() as stack:
            for sink in self._sinks:
                stack.enter_context(sink)
            stack.enter_context(published_log(self._settings.device.name, self._send))
            streams = self._start()
            try:
                self._watch(streams)
            finally:
                self._end(streams)
        return self._summary()

    def _start(self) -> tuple[RunningStream, ...]:
        loaded = [one for one in map(self._try_to_load, self._settings.stream) if one is not None]
        self._send(Message("info", self._around.info(tuple(loaded), self._around.now())))
        streams = tuple(map(self._assemble, loaded))
        for stream in streams:
            stream.inference.start()
            stream.capture.start()
        self._around.notifier.ready(self._status())
        logger.info("%d of %d streams started", len(streams), len(self._settings.stream))
        return streams

    def _try_to_load(self, stream: StreamSettings) -> LoadedStream | None:
        self._states.set(stream.name, "starting")
        if self._stop.is_set():
            return None
        self._around.notifier.status(f"loading {stream.bundle} for {stream.name}")
        try:
            return self._load(stream)
        except EdgeInferError as error:
            reason = f"{error.message}; {error.hint}" if error.hint else error.message
            logger.error("stream %s does not start: %s", stream.name, reason)  # noqa: TRY400  # expected
            self._states.set(stream.name, "failed", reason)
            return None

    def _assemble(self, loaded: LoadedStream) -> RunningStream:
        name, around = loaded.settings.name, self._around
        mailbox = Mailbox()
        metrics = StreamMetrics.of(self._registry, name)
        capture = Capture(
            name,
            loaded.open_source,
            mailbox,
            self._states,
            metrics,
            limits=around.limits,
            clock=around.clock,
        )
        inference = Inference(
            name,
            loaded.pipeline,
            mailbox,
            self._send,
            encode_result,
            metrics,
            max_fps=loaded.settings.max_fps,
            clock=around.clock,
        )
        return RunningStream(name, capture, inference)

    def _watch(self, streams: Sequence[RunningStream]) -> None:
        metrics_s = self._around.clock() + self._settings.metrics.interval_s
        status_s = self._around.clock() + STATUS_INTERVAL_S
        while not self._stop.is_set() and not all(one.inference.finished for one in streams):
            self._stop.wait(self._around.look_interval_s)
            now_s = self._around.clock()
            if self._watchdog.is_due(now_s, [stuck for one in streams for stuck in one.stuck()]):
                self._around.notifier.alive()
            if now_s >= metrics_s:
                metrics_s = now_s + self._settings.metrics.interval_s
                self._publish_metrics()
            if now_s >= status_s:
                status_s = now_s + STATUS_INTERVAL_S
                self._around.notifier.status(self._status())

    def _end(self, streams: Sequence[RunningStream]) -> None:
        self._around.notifier.stopping()
        for one in streams:
            one.capture.stop()
            one.inference.stop()
        deadline_s = self._around.clock() + STOP_TIMEOUT_S
        joined = [
            part.join(deadline_s - self._around.clock())
            for one in streams
            for part in (one.inference, one.capture)
        ]
        self._active_s = {one.name: one.inference.active_s for one in streams}
        self._left_behind = joined.count(False) + sum(one.capture.abandoned for one in streams)
        if self._left_behind:
            logger.warning("%d threads are stuck in native calls and are left behind", self._left_behind)
        self._publish_metrics()

    def _publish_metrics(self) -> None:
        healths = [sink.health() for sink in self._sinks]
        document = self._reporter.report(
            self._system.read(),
            sent=sum(one.sent for one in healths),
            dropped=sum(one.dropped for one in healths),
            now_s=self._around.clock(),
            time=self._around.now(),
        )
        self._send(Message("metrics", encode_metrics(document)))

    def _send(self, message: Message) -> None:
        for sink in self._sinks:
            sink.send(message)

    def _status(self) -> str:
        return status_line(self._states, len(self._settings.stream), [sink.health() for sink in self._sinks])

    def _summary(self) -> Summary:
        return summarize(
            self._registry,
            tuple(one.name for one in self._settings.stream),
            self._states,
            [sink.health() for sink in self._sinks],
            active_s=self._active_s,
            duration_s=self._around.clock() - self._started_s,
            threads_left_behind=self._left_behind,
        )
