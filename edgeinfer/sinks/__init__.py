"""Where results, health and state go, behind one seam."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from types import TracebackType
from typing import Literal, Protocol, cast

from edgeinfer.config import Settings

MessageKind = Literal["result", "state", "info", "metrics", "log"]


@dataclass(frozen=True, slots=True)
class Message:
    """One JSON document to deliver; `stream` is empty for what concerns the whole device."""

    kind: MessageKind
    payload: bytes
    stream: str = ""


@dataclass(frozen=True, slots=True)
class SinkHealth:
    """How a sink fares. `fault` says in words why nothing is delivered, and is empty otherwise."""

    name: str
    sent: int
    dropped: int
    connected: bool
    fault: str = ""


class Sink(Protocol):
    """Takes messages and never blocks inference: what it cannot deliver it drops and counts."""

    def send(self, message: Message) -> None:
        """Hand over one message. Must return at once; any thread may call it."""

    def health(self) -> SinkHealth:
        """How the sink fares now. Any thread may call it."""

    def __enter__(self) -> Sink: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...


Builder = Callable[[Settings], "Sink | None"]

SINKS: dict[str, str] = {
    "jsonl": "edgeinfer.sinks.jsonl",
    "mqtt": "edgeinfer.sinks.mqtt",
}
"""The module of each sink, by the table of the settings file that asks for it."""


def build_sinks(settings: Settings) -> tuple[Sink, ...]:
    """The sinks that the settings ask for, not yet opened: `with` opens each."""
    asked = [name for name in SINKS if getattr(settings, name) is not None]
    built = [cast(Builder, import_module(SINKS[name]).build)(settings) for name in asked]
    return tuple(sink for sink in built if sink is not None)
