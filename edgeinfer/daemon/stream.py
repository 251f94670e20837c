"""Inference: a thread that takes frames from the mailbox, runs the pipeline and hands over the results."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from types import TracebackType
from typing import Protocol

from edgeinfer.daemon.mailbox import Mailbox
from edgeinfer.daemon.metrics import StreamMetrics
from edgeinfer.daemon.pacing import Occasionally, Pacer
from edgeinfer.daemon.progress import Clock, Progress, Stuck
from edgeinfer.errors import EdgeInferError
from edgeinfer.frames import Frame
from edgeinfer.processing.results import Result
from edgeinfer.processing.spec import InputSpec
from edgeinfer.sinks import Message

logger = logging.getLogger(__name__)

INFER_LIMIT_S = 30.0
LOG_INTERVAL_S = 60.0


class Runnable(Protocol):
    """What the daemon needs of a pipeline."""

    @property
    def source_spec(self) -> InputSpec:
        """What the source must give."""

    def process(self, frame: Frame) -> Result:
        """Infer on one frame. Raises ModelError."""

    def __enter__(self) -> Runnable: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...


class Inference:
    """The inference of one stream."""

    def __init__(
        self,
        stream: str,
        pipeline: Runnable,
        mailbox: Mailbox,
        send: Callable[[Message], None],
        encode: Callable[[Result], bytes],
        metrics: StreamMetrics,
        *,
        max_fps: float | None = None,
        clock: Clock = time.monotonic,
    ) -> None:
        self._stream = stream
        self._pipeline = pipeline
        self._mailbox = mailbox
        self._send = send
        self._encode = encode
        self._metrics = metrics
        self._pacer = Pacer(max_fps)
        self._clock = clock
        self._progress = Progress(f"inference of {stream}", clock)
        self._complaints = Occasionally(LOG_INTERVAL_S)
        self._replaced = 0
        self._first_s: float | None = None
        self._last_s = 0.0
        self._stop = threading.Event()
        # A daemon: a call into the runtime that never returns must not keep the process from ending.
        self._thread = threading.Thread(target=self._work, name=f"inference-{stream}", daemon=True)

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def stop(self) -> None:
        """Ask the thread to end after the frame that it works on."""
        self._stop.set()
        self._mailbox.close()

    def join(self, timeout_s: float) -> bool:
        """Wait for the end of the thread; False when it is still there."""
        self._thread.join(max(0.0, timeout_s))
        return not self._thread.is_alive()

    @property
    def finished(self) -> bool:
        """True once the last frame is done."""
        return not self._thread.is_alive()

    @property
    def active_s(self) -> float:
        """Seconds from the first to the last frame."""
        return 0.0 if self._first_s is None else self._last_s - self._first_s

    def stuck(self) -> Stuck | None:
        """The call into the runtime that has taken too long, if there is one."""
        return self._progress.stuck()

    def _work(self) -> None:
        with self._pipeline:
            while (frame := self._next()) is not None:
                with self._progress.during("infer", INFER_LIMIT_S):
                    self._handle(frame)
                self._last_s = self._clock()
                self._first_s = self._last_s if self._first_s is None else self._first_s

    def _next(self) -> Frame | None:
        delay_s = self._pacer.delay_s(self._clock())
        if delay_s:
            self._stop.wait(delay_s)
        frame = self._mailbox.take()
        self._pacer.taken(self._clock())
        self._count_replaced(paced=delay_s > 0)
        return None if self._stop.is_set() else frame

    def _count_replaced(self, *, paced: bool) -> None:
        """Frames that were passed over: on purpose where we had to wait, else because we were too slow."""
        replaced = self._mailbox.replaced
        passed_over, self._replaced = replaced - self._replaced, replaced
        (self._metrics.skipped if paced else self._metrics.dropped).add(passed_over)

    def _handle(self, frame: Frame) -> None:
        try:
            result = self._pipeline.process(frame)
            payload = self._encode(result)
        except EdgeInferError as error:
            self._complain(error.message, None)
        except Exception as error:  # noqa: BLE001  # the restart guard: one odd frame must not end the stream
            self._complain(f"unexpected error: {error!r}", error)
        else:
            self._metrics.record(result)
            self._send(Message("result", payload, self._stream))

    def _complain(self, reason: str, bug: Exception | None) -> None:
        self._metrics.errors.add()
        unsaid = self._complaints.due(self._clock())
        if unsaid is not None:
            more = f" ({unsaid} more since the last message)" if unsaid else ""
            logger.error("stream %s: %s%s", self._stream, reason, more, exc_info=bug)
