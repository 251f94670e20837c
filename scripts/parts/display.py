"""Takes the daemon's messages as they come in and shows what a visitor wants to know of them."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Protocol

from edgeinfer.errors import EdgeInferError
from edgeinfer.strict import Struct, decode_json
from scripts.parts.listener import Arrived
from scripts.parts.messages import PartSeen, PartWatcher, format_part, parse_reading
from scripts.parts.summary import Tally, parse_metrics

POLL_S = 0.25
LAST_METRICS_S = 3.0

Say = Callable[[str], None]


class StreamState(Struct, frozen=True, forbid_unknown_fields=False):
    """What the demo needs of a state message; docs/mqtt.md has all of it."""

    state: str
    reason: str = ""


class Messages(Protocol):
    """Where messages come from."""

    def next(self, timeout_s: float) -> Arrived | None:
        """The next message, or None when none comes in time."""


class Watched(Protocol):
    """The process that they come from."""

    @property
    def ended(self) -> bool:
        """True when it is over."""

    def check(self) -> None:
        """Raises EdgeInferError if it has failed."""


class Display:
    """Shows the parts that pass on one stream and keeps the tally; `drawn` are the parts' true conditions."""

    def __init__(self, stream: str, drawn: Sequence[str], say: Say, *, color: bool) -> None:
        self.tally = Tally()
        self.over = False
        self.metrics_after_end = False
        self._stream = stream
        self._drawn = drawn
        self._say = say
        self._color = color
        self._watcher = PartWatcher()

    def take(self, arrived: Arrived) -> None:
        """Take one message. Raises EdgeInferError if the stream has failed."""
        self.tally.count(arrived.topic)
        if arrived.topic == f"stream/{self._stream}/result":
            reading = parse_reading(arrived.payload)
            self.tally.add(reading, arrived.at_s)
            self._show(self._watcher.feed(reading))
        elif arrived.topic == f"stream/{self._stream}/state":
            self._state(arrived.payload)
        elif arrived.topic == "metrics":
            self.tally.metrics = parse_metrics(arrived.payload)
            self.metrics_after_end = self.over

    def _state(self, payload: bytes) -> None:
        state = decode_json(payload, StreamState, "a state message")
        if state.state in ("failed", "reconnecting"):  # a clip does not get better by trying again
            raise EdgeInferError(
                f"the stream `{self._stream}` failed: {state.reason}",
                hint="to draw and build everything anew, remove the folder .demo",
            )
        if state.state == "ended" and not self.over:
            self.over = True
            self._show(self._watcher.finish())

    def _show(self, part: PartSeen | None) -> None:
        if part is None:
            return
        self.tally.parts.append(part)
        drawn = self._drawn[part.number - 1] if part.number <= len(self._drawn) else None
        self._say(format_part(part, self.tally.elapsed_s, drawn, color=self._color))


def follow(
    messages: Messages,
    process: Watched,
    display: Display,
    limit_s: float,
    clock: Callable[[], float] = time.monotonic,
) -> None:
    """Show messages until the stream has ended and the last metrics are in.

    Raises EdgeInferError if the process fails or the limit passes first.
    """
    deadline_s = clock() + limit_s
    ended_s: float | None = None
    while not (display.metrics_after_end or process.ended):
        arrived = messages.next(POLL_S)
        if arrived is not None:
            display.take(arrived)
        process.check()
        if display.over and ended_s is None:
            ended_s = clock()
        if ended_s is not None and clock() > ended_s + LAST_METRICS_S:
            return
        if clock() > deadline_s:
            raise EdgeInferError(
                f"the stream had not ended after {limit_s:.0f} s; {display.tally.frames} results came in"
            )


def drain(messages: Messages, display: Display) -> None:
    """Take what the process said last, until it is quiet."""
    while (arrived := messages.next(POLL_S)) is not None:
        display.take(arrived)
