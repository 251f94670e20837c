"""Lines of a file, of a file that grows, or of standard input."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from threading import Event
from typing import IO, NamedTuple

from edgeinfer.errors import SourceError
from edgeinfer.sources.clock import Clock
from edgeinfer.sources.uri import STDIN

MAX_LINE_BYTES = 1024 * 1024
_CHUNK_BYTES = 1024 * 1024


class Line(NamedTuple):
    """A line without its end. `number` counts from 1 in each file; `first`: it begins a file."""

    number: int
    data: bytes
    first: bool


class Lines:
    """Line by line; with `follow`, as `tail -F` does.

    A followed file may be absent at first, grow, be cut to nothing, or be replaced by another of its
    name: what the old one still got is read before the new one. A last line without its end waits until
    it has it; without `follow` it is a line.
    """

    def __init__(self, target: str, *, follow: bool, poll_s: float, clock: Clock, stop: Event) -> None:
        self._path = None if target == STDIN else Path(target)
        self._where = "standard input" if self._path is None else target
        self._follow = follow
        self._poll_s = poll_s
        self._clock = clock
        self._stop = stop
        self._file: IO[bytes] | None = None
        self._rest = b""
        self._number = 0

    def open(self) -> None:
        """Open. Raises OSError; a followed file may be absent."""
        if self._path is None:
            if sys.stdin is None:
                raise SourceError("there is no standard input to read from")
            self._file = sys.stdin.buffer
            return
        try:
            self._file = self._path.open("rb")
        except FileNotFoundError:
            if not self._follow:
                raise

    def close(self) -> None:
        """Close the file; standard input is left open, for it is not ours."""
        if self._file is not None and self._path is not None:
            self._file.close()
        self._file = None

    def next(self) -> Line | None:
        """The next line, waiting for it where the file is followed; None at the end."""
        while not self._stop.is_set():
            line = self.poll()
            if line is not None or not self._follow:
                return line
            self._clock.wait(self._poll_s, self._stop)
        return None

    def poll(self) -> Line | None:
        """The next line if there is one now. Raises SourceError for one that is too long."""
        if self._file is None:
            self.open()
        line = self._read()
        if line is None and self._follow and self._replaced():
            # Between our last read and the renaming the old file may have grown.
            line = self._read()
            if line is None:
                self._restart()
                line = self._read()
        return line

    def skip_to_end(self) -> None:
        """Leave out the whole lines that are there now."""
        if self._file is None or self._path is None:
            return
        position = self._file.tell()
        whole = position
        while chunk := self._file.read(_CHUNK_BYTES):
            self._number += chunk.count(b"\n")
            if b"\n" in chunk:
                whole = position + chunk.rindex(b"\n") + 1
            position += len(chunk)
        self._file.seek(whole)

    def _read(self) -> Line | None:
        if self._file is None:
            return None
        # A line without its end is kept here, so that a slow writer is not read again and again.
        self._rest += self._file.readline(MAX_LINE_BYTES + 1 - len(self._rest))
        if len(self._rest) > MAX_LINE_BYTES:
            raise SourceError(
                f"{self._where}, line {self._number + 1}: longer than {MAX_LINE_BYTES} bytes",
                hint="is this a text file, a row a line?",
            )
        if not self._rest or (self._follow and not self._rest.endswith(b"\n")):
            return None
        line, self._rest = self._rest.rstrip(b"\r\n"), b""
        self._number += 1
        return Line(self._number, line, first=self._number == 1)

    def _replaced(self) -> bool:
        if self._file is None or self._path is None:
            return False
        try:
            there = self._path.stat()
        except FileNotFoundError:
            return False  # taken away, and nothing new yet: the old file may still grow
        ours = os.fstat(self._file.fileno())
        return not os.path.samestat(there, ours) or ours.st_size < self._file.tell()

    def _restart(self) -> None:
        self.close()
        self._rest = b""
        self._number = 0
        self.open()
