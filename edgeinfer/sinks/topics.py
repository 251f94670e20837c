"""The topics of docs/mqtt.md, and how each kind of message is sent: pure rules."""

from __future__ import annotations

from dataclasses import dataclass

from edgeinfer.sinks import Message, MessageKind

ONLINE = b"online"
STOPPED = b"stopped"
OFFLINE = b"offline"

RETAINED_KINDS: frozenset[MessageKind] = frozenset({"info", "state"})
"""What a subscriber must see when it comes later: retained, QoS 1, sent again after each reconnect."""


@dataclass(frozen=True, slots=True)
class Topics:
    """The topics of one device, all under PREFIX/DEVICE."""

    prefix: str
    device: str

    @property
    def availability(self) -> str:
        """online, stopped or, as the last will, offline."""
        return f"{self.prefix}/{self.device}/availability"

    def of(self, message: Message) -> str:
        """The topic of a message."""
        stream = f"stream/{message.stream}/" if message.stream else ""
        return f"{self.prefix}/{self.device}/{stream}{message.kind}"
