"""Where results, health and state go, behind one seam."""

from __future__ import annotations

from dataclasses import dataclass
from types import TracebackType
from typing import Literal, Protocol

MessageKind = Literal["result", "state", "info", "metrics", "log"]


@dataclass(frozen=True, slots=True)
class Message:
    """One JSON document to deliver; `stream` is empty for what concerns the whole device."""

    kind: MessageKind
    payload: bytes
    stream: str = ""


class Sink(Protocol):
    """Takes messages and never blocks inference: what it cannot deliver it drops and counts."""

    def send(self, message: Message) -> None:
        """Hand over one message. Must return at once."""

    def __enter__(self) -> Sink: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...
