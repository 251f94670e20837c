"""When to take the next frame, when to try again, when to say something again: rules without threads."""

from __future__ import annotations

from collections.abc import Callable

from tenacity import RetryCallState, wait_exponential, wait_random
from tenacity.wait import wait_base

FIRST_WAIT_S = 0.5
LONGEST_WAIT_S = 30.0
JITTER_S = 0.25


class Pacer:
    """Holds a stream to `max_fps` on average, on a steady grid; None lets every frame pass."""

    def __init__(self, max_fps: float | None) -> None:
        self._interval_s = 1.0 / max_fps if max_fps else 0.0
        self._next_s = float("-inf")

    def delay_s(self, now_s: float) -> float:
        """How long to wait before the next frame may be taken."""
        return max(0.0, self._next_s - now_s)

    def taken(self, now_s: float) -> None:
        """A frame was taken. One that comes late moves the grid: it is not made up for by a burst."""
        late = now_s - self._next_s > self._interval_s
        self._next_s = (now_s if late else self._next_s) + self._interval_s


class BackoffSinceProgress(wait_base):
    """Doubles the wait with each failure in a row; a source that gave frames in between starts afresh."""

    def __init__(self, made_progress: Callable[[], bool], *, jitter_s: float = JITTER_S) -> None:
        self._made_progress = made_progress
        self._wait = wait_exponential(multiplier=FIRST_WAIT_S, max=LONGEST_WAIT_S) + wait_random(0, jitter_s)

    def __call__(self, retry_state: RetryCallState) -> float:
        """Seconds to wait before the next attempt."""
        if self._made_progress():
            retry_state.attempt_number = 1
        return float(self._wait(retry_state))


class Occasionally:
    """Lets something be said at most once an interval, and counts what was left unsaid."""

    def __init__(self, interval_s: float) -> None:
        self._interval_s = interval_s
        self._next_s = float("-inf")
        self._unsaid = 0

    def due(self, now_s: float) -> int | None:
        """None: not now. Otherwise how many were left unsaid since the last time."""
        if now_s < self._next_s:
            self._unsaid += 1
            return None
        self._next_s = now_s + self._interval_s
        unsaid, self._unsaid = self._unsaid, 0
        return unsaid
