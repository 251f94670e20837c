"""A sink that keeps what it is given, for tests and for trying out a pipeline."""

from __future__ import annotations

import threading
from collections.abc import Callable
from types import TracebackType

from edgeinfer.config import Settings
from edgeinfer.sinks import Message, MessageKind, SinkHealth


class FakeSink:
    """Keeps every message; `connected` may be set to play an outage."""

    def __init__(self) -> None:
        self.connected = True
        self.opened = False
        self.closed = False
        self._dropped = 0
        self._messages: list[Message] = []
        self._changed = threading.Condition(threading.RLock())

    @property
    def messages(self) -> tuple[Message, ...]:
        """What was delivered so far."""
        with self._changed:
            return tuple(self._messages)

    def of(self, kind: MessageKind, stream: str = "") -> tuple[Message, ...]:
        """The delivered messages of one kind."""
        return tuple(
            one for one in self.messages if one.kind == kind and (not stream or one.stream == stream)
        )

    def wait_for(self, condition: Callable[[FakeSink], bool], *, timeout_s: float = 10.0) -> bool:
        """Wait until the condition holds for the messages so far; False when the time is up."""
        with self._changed:
            return self._changed.wait_for(lambda: condition(self), timeout_s)

    def send(self, message: Message) -> None:
        """Keep the message, or count it as dropped while not connected."""
        with self._changed:
            if self.connected:
                self._messages.append(message)
            else:
                self._dropped += 1
            self._changed.notify_all()

    def health(self) -> SinkHealth:
        """Counts of kept and dropped messages."""
        fault = "" if self.connected else "played outage"
        return SinkHealth("fake", len(self._messages), self._dropped, self.connected, fault)

    def __enter__(self) -> FakeSink:
        self.opened = True
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.closed = True


def build(settings: Settings) -> FakeSink:
    """A fake, whatever the settings say."""
    return FakeSink()
