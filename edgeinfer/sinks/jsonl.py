"""Results as JSON lines in a file or on stdout."""

from __future__ import annotations

import errno
import logging
import os
import select
import stat
import sys
import threading
from pathlib import Path
from types import TracebackType

from edgeinfer.config import STDOUT, Settings
from edgeinfer.errors import SinkError
from edgeinfer.sinks import Message, SinkHealth

logger = logging.getLogger(__name__)
STDOUT_DESCRIPTOR = 1
PIECE_BYTES = 4096
"""A pipe or socket that poll calls writable takes so many bytes at once, without blocking."""
PATIENCE_MS = 500
"""How long the rest of a line, once begun, may wait for its reader."""


class JsonlSink:
    """Appends each result as a line, written at once and whole, so that `tail -f` and `jq` may follow.

    A full disk, or a reader that has gone or is too slow, costs results, which are counted, never the
    daemon. A line that was broken off is ended before the next: it costs no other.
    """

    def __init__(self, path: str) -> None:
        self._path = path
        self._descriptor = -1
        self._piece_bytes = PIECE_BYTES
        self._broken_off = False
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
            # O_NONBLOCK: a named pipe without a reader is an error instead of waiting for one.
            flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC | os.O_NONBLOCK
            self._descriptor = os.open(Path(self._path), flags, 0o644)
            self._continue_file()
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

    def _continue_file(self) -> None:
        """A file never blocks, so its lines are written whole; the last one may be cut by a power cut."""
        state = os.fstat(self._descriptor)
        if not stat.S_ISREG(state.st_mode):
            return
        self._piece_bytes = sys.maxsize
        if state.st_size:
            with Path(self._path).open("rb") as stream:
                stream.seek(-1, os.SEEK_END)
                self._broken_off = stream.read(1) != b"\n"

    def _write(self, line: bytes) -> None:
        rest = memoryview(b"\n" + line if self._broken_off else line)
        poll = select.poll()
        poll.register(self._descriptor, select.POLLOUT)
        patience_ms = 0
        while rest:
            if not poll.poll(patience_ms):
                raise BlockingIOError(errno.EAGAIN, "its reader is too slow")
            rest = rest[os.write(self._descriptor, rest[: self._piece_bytes]) :]
            self._broken_off, patience_ms = True, PATIENCE_MS
        self._broken_off = False


def build(settings: Settings) -> JsonlSink | None:
    """The sink of [jsonl], if the settings have it."""
    return JsonlSink(settings.jsonl.path) if settings.jsonl is not None else None
