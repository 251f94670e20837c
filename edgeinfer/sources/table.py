"""Sensor rows from a CSV file or standard input; the first line names the columns."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from typing import cast

from edgeinfer.errors import SourceError
from edgeinfer.processing.spec import InputSpec, WindowInput
from edgeinfer.sources.clock import Clock
from edgeinfer.sources.lines import Line, Lines
from edgeinfer.sources.options import CsvOptions
from edgeinfer.sources.rows import RowSource, check_stdin, finite_number, missing_columns
from edgeinfer.sources.uri import SourceUri

DELIMITERS = {"comma": ",", "semicolon": ";", "tab": "\t", "space": " "}
MAX_SHOWN_COLUMNS = 12


class TableSource(RowSource):
    """Windows of the columns that the model wants; the file may have others, in any order."""

    def __init__(self, uri: SourceUri, options: CsvOptions, spec: WindowInput, clock: Clock) -> None:
        super().__init__(uri, options, spec, clock)
        self._delimiter = DELIMITERS[options.delimiter]
        self._width = 0
        self._places: tuple[int, ...] = ()

    def _skip_to_end(self, lines: Lines) -> None:
        header = lines.poll()
        if header is not None:
            self._take_header(header)
            lines.skip_to_end()

    def _parse(self, line: Line) -> Sequence[float] | None:
        if line.first or not self._places:
            self._take_header(line)
            return None
        cells = self._cells(line)
        if len(cells) != self._width:
            raise self._bad(line, f"{len(cells)} cells, where the header has {self._width}")
        return [self._number(line, cells, index) for index in range(len(self._places))]

    def _number(self, line: Line, cells: list[str], index: int) -> float:
        text = cells[self._places[index]]
        number = finite_number(text)
        if number is None:
            column = self._spec.columns[index]
            raise self._bad(line, f"column `{column}` holds `{text[:40]}`, which is not a finite number")
        return number

    def _take_header(self, line: Line) -> None:
        names = [cell.strip() for cell in self._cells(line)]
        missing = missing_columns(self._spec.columns, names)
        shown = ", ".join(names[:MAX_SHOWN_COLUMNS]) + (", …" if len(names) > MAX_SHOWN_COLUMNS else "")
        if missing:
            raise SourceError(
                f"{self._where}: the first line does not name the columns {missing}",
                hint=f"it names: {shown[:400]}; the pipeline's `columns` and the option `delimiter` rule",
            )
        twice = [column for column in self._spec.columns if names.count(column) > 1]
        if twice:
            raise SourceError(f"{self._where}: the first line names more than once: {', '.join(twice)}")
        self._width = len(names)
        self._places = tuple(names.index(column) for column in self._spec.columns)

    def _cells(self, line: Line) -> list[str]:
        try:
            text = line.data.decode("utf-8-sig" if line.first else "utf-8")
            # A line at a time: a quote left open then costs one row, not all that follow.
            return next(csv.reader([text], delimiter=self._delimiter, strict=True), [])
        except UnicodeDecodeError as error:
            raise self._bad(line, "not UTF-8 text") from error
        except csv.Error as error:
            raise self._bad(line, f"not a row of CSV: {error}") from error


def create(uri: SourceUri, spec: InputSpec, clock: Clock) -> TableSource:
    """The source of a `csv:` URI."""
    options = uri.options_as(CsvOptions)
    check_stdin(uri, options)
    return TableSource(uri, options, cast(WindowInput, spec), clock)
