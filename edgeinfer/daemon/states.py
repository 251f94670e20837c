"""The state of each stream, published as a retained document whenever it changes."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import datetime
from typing import Literal

from edgeinfer.processing.results import timestamp
from edgeinfer.sinks import Message
from edgeinfer.strict import Struct, encode_json

State = Literal["starting", "running", "reconnecting", "ended", "failed"]


class StateDocument(Struct, frozen=True):
    """`reason` says in words why a stream is reconnecting or failed; `since` is UTC."""

    schema: Literal[1]
    device: str
    stream: str
    state: State
    since: str
    reason: str = ""


class StateBoard:
    """The present state of every stream. Any thread may set and read."""

    def __init__(self, device: str, send: Callable[[Message], None], now: Callable[[], datetime]) -> None:
        self._device = device
        self._send = send
        self._now = now
        self._lock = threading.Lock()
        self._documents: dict[str, StateDocument] = {}

    def set(self, stream: str, state: State, reason: str = "") -> None:
        """Publish the state where it is news. `failed` is final."""
        with self._lock:
            before = self._documents.get(stream)
            if before and (before.state == "failed" or (before.state, before.reason) == (state, reason)):
                return
            document = StateDocument(
                schema=1,
                device=self._device,
                stream=stream,
                state=state,
                since=timestamp(self._now()),
                reason=reason,
            )
            self._documents[stream] = document
            # Sent under the lock: the newest state must also be the last one sent.
            self._send(Message("state", encode_json(document), stream))

    def of(self, stream: str) -> State:
        """The state of one stream."""
        return self._documents[stream].state

    def count(self, state: State) -> int:
        """How many streams are in a state."""
        with self._lock:
            return sum(one.state == state for one in self._documents.values())

    def reasons(self) -> dict[str, str]:
        """Why streams are not running, by name."""
        with self._lock:
            return {name: one.reason for name, one in self._documents.items() if one.reason}
