"""For tests: a source that plays a script, and a clock that is set by hand."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta, timezone
from threading import Event

from edgeinfer.frames import Array, Frame
from edgeinfer.sources.base import FrameSource
from edgeinfer.sources.clock import Clock, Moment

EPOCH = datetime(2026, 1, 1, tzinfo=timezone.utc)


class ManualClock:
    """Stands still until `advance`; a wait passes at once and is written down."""

    def __init__(self) -> None:
        self._s = 0.0
        self.waits_s: list[float] = []

    def moment(self) -> Moment:
        """The hand-set time; the wall clock began at `EPOCH`."""
        return Moment(EPOCH + timedelta(seconds=self._s), self._s)

    def advance(self, seconds: float) -> None:
        """Let time pass."""
        self._s += seconds

    def wait(self, seconds: float, stop: Event) -> None:
        """Let that much time pass at once, unless `stop` is set."""
        if not stop.is_set():
            self.waits_s.append(seconds)
            self.advance(seconds)


class FakeSource(FrameSource):
    """Gives the arrays of the script in order, and raises the errors in it, one a `read`; then ends."""

    def __init__(
        self, script: Iterable[Array | Exception], *, live: bool = False, clock: Clock | None = None
    ) -> None:
        super().__init__("fake", clock or ManualClock())
        self.live = live
        self._script = iter(script)
        self.opened = 0
        self.released = 0

    def _open(self) -> None:
        self.opened += 1

    def _next(self) -> Frame | None:
        step = next(self._script, None)
        if isinstance(step, Exception):
            raise step
        return None if step is None else self._frame(step, self._clock.moment())

    def _release(self) -> None:
        self.released += 1
