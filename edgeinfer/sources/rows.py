"""Sensor rows into sliding windows: what CSV and JSON lines have in common."""

from __future__ import annotations

import difflib
import logging
import math
from abc import abstractmethod
from collections.abc import Iterable, Sequence

import numpy as np

from edgeinfer.errors import SettingsError, SourceError
from edgeinfer.frames import Frame
from edgeinfer.processing.spec import WindowInput
from edgeinfer.processing.window import Windows
from edgeinfer.sources.base import FrameSource
from edgeinfer.sources.clock import Clock, Pace
from edgeinfer.sources.lines import Line, Lines
from edgeinfer.sources.options import RowOptions
from edgeinfer.sources.uri import STDIN, SourceUri

logger = logging.getLogger(__name__)

MAX_NAMED_ROWS = 10
LARGEST = float(np.finfo(np.float32).max)


class RowSource(FrameSource):
    """A frame whenever a window is full; its stamp is that of its last row.

    Nothing is dropped here: rows that are not read yet wait in their file or pipe, because a window with
    a gap would be another signal.
    """

    def __init__(self, uri: SourceUri, options: RowOptions, spec: WindowInput, clock: Clock) -> None:
        super().__init__("standard input" if uri.target == STDIN else uri.target, clock)
        self._options = options
        self._spec = spec
        self._lines = Lines(
            uri.target, follow=options.follow, poll_s=options.poll_s, clock=clock, stop=self._closing
        )
        self._windows = Windows(spec.length, spec.stride)
        self._pace = Pace(clock, options.rate_hz, self._closing) if options.rate_hz else None
        self._rows = 0
        self.skipped = 0

    def _open(self) -> None:
        self._lines.open()
        if self._options.start == "end":
            self._skip_to_end(self._lines)

    def _next(self) -> Frame | None:
        while (line := self._lines.next()) is not None:
            row = self._checked(line)
            if row is None:
                continue
            if self._pace:
                self._pace.keep()
            self._rows += 1
            window = self._windows.push(row)
            if window is not None:
                return self._frame(window, self._clock.moment(), f"line {line.number}")
        if not self._closing.is_set():
            self._tell_end()
        return None

    def _checked(self, line: Line) -> Sequence[float] | None:
        if not line.data.strip():
            return None
        if self._options.bad == "error":
            return self._parse(line)
        try:
            return self._parse(line)
        except BadRowError as error:
            self.skipped += 1
            if self.skipped <= MAX_NAMED_ROWS:
                logger.warning("%s; the row is left out", error.message)
            return None

    def _tell_end(self) -> None:
        if self.skipped > MAX_NAMED_ROWS:
            logger.warning("%s: %d rows were left out", self._where, self.skipped)
        if self._sequence == 0:
            raise SourceError(
                f"{self._where}: ended after {self._rows} rows, a window needs {self._spec.length}"
            )

    def _release(self) -> None:
        self._lines.close()

    def _bad(self, line: Line, fault: str) -> BadRowError:
        return BadRowError(
            f"{self._where}, line {line.number}: {fault}", hint="`bad=skip` leaves such rows out"
        )

    def _skip_to_end(self, lines: Lines) -> None:
        lines.skip_to_end()

    @abstractmethod
    def _parse(self, line: Line) -> Sequence[float] | None:
        """The numbers in the order of the columns, None for a line without. Raises BadRowError."""


class BadRowError(SourceError):
    """A row that lacks a number, where the others may be sound."""


def finite_number(value: object) -> float | None:
    """The number that a cell or JSON value holds, or None if it is none that float32 can hold."""
    if isinstance(value, bool) or not isinstance(value, (int, float, str)):
        return None
    if isinstance(value, str) and "_" in value:
        return None  # a number to Python, but to nobody else
    try:
        number = float(value)
    except (ValueError, OverflowError):
        return None
    return number if math.isfinite(number) and abs(number) <= LARGEST else None


def missing_columns(wanted: Iterable[str], there: Iterable[str]) -> str:
    """The columns that are not there, each with the likely one; empty if none is missing."""
    names = list(there)
    lines = []
    for column in wanted:
        if column not in names:
            near = difflib.get_close_matches(column, names, n=1)
            lines.append(f"`{column}`" + (f" (did you mean `{near[0]}`?)" if near else ""))
    return ", ".join(lines)


def check_stdin(uri: SourceUri, options: RowOptions) -> None:
    """Standard input has no end to skip to, and is followed anyway. Raises SettingsError."""
    if uri.target == STDIN and (options.follow or options.start != "start"):
        raise SettingsError(
            f"{uri.redacted}: `follow` and `start` are for files; standard input needs neither"
        )
