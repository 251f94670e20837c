"""When things happen: the one place where sources ask for the time and wait."""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import datetime, timezone
from threading import Event
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Moment:
    """One point in time by both clocks: `at` is UTC, `s` is `time.monotonic()` seconds."""

    at: datetime
    s: float


class Clock(Protocol):
    """Time as sources see it; `edgeinfer.sources.fake.ManualClock` is the one for tests."""

    def moment(self) -> Moment:
        """Now."""

    def wait(self, seconds: float, stop: Event) -> None:
        """Return after that many seconds, or as soon as `stop` is set."""


class SystemClock:
    """The clocks of this machine."""

    def moment(self) -> Moment:
        """Now; the two clocks are read one right after the other."""
        return Moment(datetime.now(timezone.utc), time.monotonic())

    def wait(self, seconds: float, stop: Event) -> None:
        """Sleep, unless `stop` is set first."""
        stop.wait(max(0.0, seconds))


class Pace:
    """Holds a reader back to a rate: the n-th `keep` returns n periods after the first at the earliest.

    A reader that is late is not held, and does not hurry to catch up more than one period.
    """

    def __init__(self, clock: Clock, rate_hz: float, stop: Event) -> None:
        self._clock = clock
        self._period_s = 1.0 / rate_hz
        self._stop = stop
        self._due_s: float | None = None

    def keep(self) -> None:
        """Wait until the next period begins."""
        now_s = self._clock.moment().s
        if self._due_s is None:
            self._due_s = now_s
        if self._due_s > now_s:
            self._clock.wait(self._due_s - now_s, self._stop)
        self._due_s = max(self._due_s, now_s - self._period_s) + self._period_s
