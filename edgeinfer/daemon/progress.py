"""What each thread is doing and since when: the fact that the watchdog judges by.

A thread that waits for frames may wait for ever. A call into a driver or a runtime has a limit; when it
outlasts that, the stage is stuck.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

Clock = Callable[[], float]


@dataclass(frozen=True, slots=True)
class Activity:
    """A call that is under way; times are of `time.monotonic()`."""

    name: str
    started_s: float
    limit_s: float


@dataclass(frozen=True, slots=True)
class Stuck:
    """A stage whose call has outlasted its limit."""

    stage: str
    activity: str
    lasting_s: float

    def __str__(self) -> str:
        return f"{self.stage}: `{self.activity}` has taken {self.lasting_s:.0f} s"


class Progress:
    """One stage. Written by its thread only; read by the supervisor."""

    def __init__(self, stage: str, clock: Clock = time.monotonic) -> None:
        self._stage = stage
        self._clock = clock
        self._activity: Activity | None = None

    @contextlib.contextmanager
    def during(self, name: str, limit_s: float) -> Iterator[None]:
        """Mark a call that must end within the limit."""
        self._activity = Activity(name, self._clock(), limit_s)
        try:
            yield
        finally:
            self._activity = None

    def stuck(self) -> Stuck | None:
        """The call that has outlasted its limit, if there is one."""
        activity = self._activity
        if activity is None:
            return None
        lasting_s = self._clock() - activity.started_s
        return Stuck(self._stage, activity.name, lasting_s) if lasting_s > activity.limit_s else None
