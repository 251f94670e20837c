"""Results as JSON lines in a file or on stdout."""

from __future__ import annotations

import logging
import os
import threading
from pathlib import Path
from types import TracebackType

from edgeinfer.config import STDOUT, Settings
from edgeinfer.errors import SinkError
from edgeinfer.sinks import Message, SinkHealth

logger = logging.getLogger(__name__)
STDOUT_DESCRIPTOR = 1


class JsonlSink:
    """Appends each result as a line, written at once and whole, so that `tail -f` and `jq` may follow.

    A full disk or a reader that has gone costs results, which are counted, never the daemon.
    """

    def __init__(self, path: str) -> None:
        self._path = path
        self._descriptor = -1
        self._lock = threading.Lock()
        self._sent = 0
        self._dropped = 0
        self._fault = ""

    def send(self, message: Message) -> None:
        """Write a result; the other kinds of message are not for this sink."""
        if message.kind != "result":
            return
        with self._lock:
            try:
                self._write(message.payload + b"\n")
            except OSError as error:
                self._dropped += 1
                fault = f"cannot write to {self._path}: {error.strerror}"
            else:
                self._sent += 1
                fault = ""
            is_new, self._fault = bool(fault) and fault != self._fault, fault
        if is_new:
            logger.error("%s; results are dropped until it can be written again", fault)

    def health(self) -> SinkHealth:
        """Counts of written and dropped results."""
        with self._lock:
            return SinkHealth("jsonl", self._sent, self._dropped, not self._fault, self._fault)

    def __enter__(self) -> JsonlSink:
        if self._path == STDOUT:
            self._descriptor = STDOUT_DESCRIPTOR
            return self
        try:
            flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC
            self._descriptor = os.open(Path(self._path), flags, 0o644)
        except OSError as error:
            raise SinkError(
                f"jsonl.path: cannot open {self._path}: {error.strerror}",
                hint="the folder must be there and writable for the user that the daemon runs as",
            ) from error
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with self._lock:
            if self._descriptor not in (-1, STDOUT_DESCRIPTOR):
                os.close(self._descriptor)
            self._descriptor = -1

    def _write(self, line: bytes) -> None:
        rest = memoryview(line)
        while rest:
            rest = rest[os.write(self._descriptor, rest) :]


def build(settings: Settings) -> JsonlSink | None:
    """The sink of [jsonl], if the settings have it."""
    return JsonlSink(settings.jsonl.path) if settings.jsonl is not None else None
