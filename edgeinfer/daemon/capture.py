"""Capture: a thread that reads a source into the mailbox, and starts it again when it fails.

A native call that never returns cannot be ended from outside. Its thread is then abandoned and replaced,
a bounded number of times: each leaves memory and perhaps a device behind, which only a new process frees.
"""

from __future__ import annotations

import contextlib
import dataclasses
import itertools
import logging
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from tenacity import RetryCallState, Retrying, retry_if_exception_type, sleep_using_event
from tenacity.stop import stop_base

from edgeinfer.config import mask
from edgeinfer.daemon.mailbox import Mailbox
from edgeinfer.daemon.metrics import StreamMetrics
from edgeinfer.daemon.pacing import BackoffSinceProgress
from edgeinfer.daemon.progress import Clock, Progress, Stuck
from edgeinfer.daemon.states import StateBoard
from edgeinfer.errors import EdgeInferError, SourceError
from edgeinfer.frames import Frame
from edgeinfer.sources import Source

logger = logging.getLogger(__name__)

MAX_ABANDONED = 3
MAX_FAILED_READS = 5


@dataclass(frozen=True)
class Limits:
    """Longer than this a call into a driver does not take, unless it hangs; network timeouts are shorter."""

    open_s: float = 120.0
    read_s: float = 60.0
    close_s: float = 30.0


DEFAULT_LIMITS = Limits()


@dataclass(eq=False)
class _Run:
    """One thread's life: its own stop event, its own progress, whether it has given a frame lately."""

    progress: Progress
    stop: threading.Event = field(default_factory=threading.Event)
    gave_frames: bool = False
    failed_reads: int = 0
    reason: str = ""
    source: Source | None = None
    thread: threading.Thread | None = None

    def made_progress(self) -> bool:
        """Whether frames came since this was asked last."""
        gave, self.gave_frames = self.gave_frames, False
        return gave

    @property
    def hopeless(self) -> bool:
        """A camera may come back, but a file that breaks off at the same place each time will not mend."""
        return self.failed_reads >= MAX_FAILED_READS


class _StopWhenOver(stop_base):
    """No further attempt after a stop, nor where there is no hope."""

    def __init__(self, run: _Run) -> None:
        self._run = run

    def __call__(self, retry_state: RetryCallState) -> bool:
        return self._run.stop.is_set() or self._run.hopeless


class Capture:
    """The capture of one stream. Frames are numbered through, over restarts: a gap is a dropped frame."""

    def __init__(
        self,
        stream: str,
        open_source: Callable[[], Source],
        mailbox: Mailbox,
        states: StateBoard,
        metrics: StreamMetrics,
        *,
        limits: Limits = DEFAULT_LIMITS,
        clock: Clock = time.monotonic,
    ) -> None:
        self._stream = stream
        self._open_source = open_source
        self._mailbox = mailbox
        self._states = states
        self._metrics = metrics
        self._limits = limits
        self._clock = clock
        self._sequence = itertools.count()
        self._abandoned = 0
        self._run = self._new_run()

    def start(self) -> None:
        """Start the thread; it is a daemon, since it may hang in a native call when the process ends."""
        name = f"capture-{self._stream}" + (f"-{self._abandoned}" if self._abandoned else "")
        run = self._run
        run.thread = threading.Thread(target=self._work, args=(run,), name=name, daemon=True)
        run.thread.start()

    def stop(self) -> None:
        """Ask the thread to end after the call that it is in."""
        self._run.stop.set()
        self._mailbox.close()
        source = self._run.source
        # A camera's next frame wakes its thread. Other sources may wait long, and closing them is quick.
        if source is not None and not source.live:
            source.__exit__(None, None, None)

    def join(self, timeout_s: float) -> bool:
        """Wait for the end of the thread; False when it is still there."""
        thread = self._run.thread
        if thread is None:
            return True
        thread.join(max(0.0, timeout_s))
        return not thread.is_alive()

    @property
    def abandoned(self) -> int:
        """How many threads were left behind in a native call."""
        return self._abandoned

    def replace_if_hung(self) -> Stuck | None:
        """Replace a thread that hangs. Returns what is stuck for good once the replacements are used up."""
        stuck = self._run.progress.stuck()
        if stuck is None:
            return None
        if self._abandoned >= MAX_ABANDONED:
            self._states.set(self._stream, "failed", f"{stuck}; it hung {MAX_ABANDONED} times before")
            return stuck
        logger.error("%s; the thread is abandoned and the source opened anew", stuck)
        self._states.set(self._stream, "reconnecting", str(stuck))
        self._metrics.restarts.add()
        self._abandoned += 1
        self._run.stop.set()
        self._run = self._new_run()
        self.start()
        return None

    def _new_run(self) -> _Run:
        return _Run(Progress(f"capture of {self._stream}", self._clock))

    def _work(self, run: _Run) -> None:
        retrying = Retrying(
            retry=retry_if_exception_type(Exception),  # the restart guard; _before_retry logs the traceback
            wait=BackoffSinceProgress(run.made_progress),
            stop=_StopWhenOver(run),
            sleep=sleep_using_event(run.stop),
            before_sleep=lambda state: self._before_retry(run, state),
            retry_error_callback=lambda state: None,
        )
        retrying(self._deliver, run)
        if run.stop.is_set():
            return
        if run.hopeless:
            logger.error(
                "stream %s: %s; given up after %d attempts", self._stream, run.reason, MAX_FAILED_READS
            )
            self._states.set(self._stream, "failed", run.reason)
        else:
            self._states.set(self._stream, "ended")
        self._mailbox.close()

    def _deliver(self, run: _Run) -> None:
        with self._opened(run) as source:
            put = self._mailbox.put_newest if source.live else self._mailbox.put_in_turn
            while (frame := self._read(run, source)) is not None:
                self._states.set(self._stream, "running")
                run.gave_frames = True
                self._metrics.captured.add()
                put(dataclasses.replace(frame, sequence=next(self._sequence)))

    @contextlib.contextmanager
    def _opened(self, run: _Run) -> Iterator[Source]:
        with contextlib.ExitStack() as stack:
            with run.progress.during("open", self._limits.open_s):
                source = stack.enter_context(self._open_source())
            run.source = source
            try:
                yield source
            finally:
                run.source = None
                with run.progress.during("close", self._limits.close_s):
                    stack.close()

    def _read(self, run: _Run, source: Source) -> Frame | None:
        if run.stop.is_set():
            return None
        # Only a camera owes us frames: a folder or a log that is followed may be silent for days.
        with run.progress.during("read", self._limits.read_s if source.live else float("inf")):
            try:
                frame = source.read()
            except SourceError:
                run.failed_reads += run.gave_frames and not source.live
                raise
        return None if run.stop.is_set() else frame

    def _before_retry(self, run: _Run, state: RetryCallState) -> None:
        error = state.outcome.exception() if state.outcome else None
        wait_s = state.next_action.sleep if state.next_action else 0.0
        reason = _describe(error)
        self._states.set(self._stream, "reconnecting", reason)
        self._metrics.restarts.add()
        # A camera that stays away for a week says so once.
        level = logging.DEBUG if reason == run.reason else logging.WARNING
        run.reason = reason
        trace = None if isinstance(error, EdgeInferError) else error
        logger.log(
            level, "stream %s: %s; trying again in %.1f s", self._stream, reason, wait_s, exc_info=trace
        )


def _describe(error: BaseException | None) -> str:
    hint = error.hint if isinstance(error, EdgeInferError) else ""
    return mask(f"{error}; {hint}" if hint else str(error)) or type(error).__name__
