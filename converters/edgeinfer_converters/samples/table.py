"""A .csv of sensor rows, in the windows that the pipeline asks for.

A window's truth is taken from the pipeline's `label` column (or, for a regression, the columns named
as its outputs): anomalous if any of its rows is, otherwise what its last row says.
"""

from __future__ import annotations

import contextlib
import csv
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TextIO

from edgeinfer.errors import DataError
from edgeinfer.frames import Array
from edgeinfer.processing.spec import RegressionOutput, WindowInput
from edgeinfer.processing.window import Windows
from edgeinfer_converters.samples.prepared import FramePreparer
from edgeinfer_converters.samples.sample import Request, Sample, Truth, class_index

MAX_LINE_LENGTH = 1024 * 1024

Row = dict[str, str]


class TableWindows:
    """A sample source over the sliding windows of a table."""

    def __init__(self, path: Path, request: Request, window: WindowInput) -> None:
        """Reads the file once, to check its columns and count its rows. Raises DataError."""
        self._path = path
        self._request = request
        self._window = window
        self._preparer = FramePreparer(request, WindowInput, str(path))
        wanted = _targets(request, window)
        with _rows(path) as (columns, rows):
            _check_columns(path, columns, window.columns, wanted if request.purpose == "evaluation" else ())
            self._row_count = sum(1 for _ in rows)
        self._targets = wanted if set(wanted) <= set(columns) else ()

    def files(self, chosen: Sequence[int]) -> tuple[Path, ...]:
        """The table."""
        return (self._path,)

    @property
    def labelled(self) -> bool:
        """True where the table has the columns that the pipeline names as its truth."""
        return bool(self._targets)

    def __len__(self) -> int:
        return max(0, (self._row_count - self._window.length) // self._window.stride + 1)

    def read(self, chosen: Sequence[int]) -> Iterator[Sample]:
        """The windows at these positions."""
        wanted = frozenset(chosen)
        windows = Windows(self._window.length, self._window.stride)
        position = -1
        with _rows(self._path) as (_, rows):
            for line, row in rows:
                values = windows.push(self._numbers(row, f"{self._path}, line {line}"))
                position += values is not None
                if values is not None and position in wanted:
                    yield self._sample(values, f"{self._path}, window that ends at line {line}")

    def _sample(self, values: Array, where: str) -> Sample:
        count = len(self._window.columns)
        return self._preparer.prepare(where, values[:, :count], self._truth(values[:, count:]))

    def _numbers(self, row: Row, where: str) -> list[float]:
        numbers = [_number(row, name, where) for name in self._window.columns]
        if self._request.spec.model.task != "classification":
            return numbers + [_number(row, name, where) for name in self._targets]
        return numbers + [
            class_index(str(row[name]).strip(), self._request.labels, where) for name in self._targets
        ]

    def _truth(self, targets: Array) -> Truth | None:
        if not self._targets:
            return None
        task = self._request.spec.model.task
        if task == "regression":
            return tuple(map(float, targets[-1]))
        return int(targets.any()) if task == "anomaly" else int(targets[-1, 0])


def open_source(path: Path, request: Request) -> TableWindows:
    """Open a table. Raises DataError that names missing columns."""
    window = request.spec.input[0]
    if not isinstance(window, WindowInput):
        raise DataError(f"{path}: a table of sensor rows needs a pipeline with a window as its input")
    source = TableWindows(path, request, window)
    if len(source) == 0:
        raise DataError(f"{path}: has fewer rows than one window takes ({window.length})")
    return source


def _targets(request: Request, window: WindowInput) -> tuple[str, ...]:
    if request.purpose == "calibration" and request.spec.model.task != "anomaly":
        return ()  # calibration has no use for the truth, but a threshold is learnt from normal windows
    if window.label is not None:
        return (window.label,)
    output = request.spec.output
    return output.names if isinstance(output, RegressionOutput) else ()


@contextlib.contextmanager
def _rows(path: Path) -> Iterator[tuple[tuple[str, ...], Iterator[tuple[int, Row]]]]:
    """The columns of a table, and its rows with their line numbers."""
    try:
        with path.open(newline="", encoding="utf-8-sig") as stream:
            reader = csv.DictReader(_bounded_lines(stream), restkey="", strict=True)
            columns = tuple(reader.fieldnames or ())
            yield columns, ((reader.line_num, row) for row in reader)
    except (csv.Error, UnicodeDecodeError) as error:
        raise DataError(f"{path}: not a readable CSV file: {error}") from error


def _bounded_lines(stream: TextIO) -> Iterator[str]:
    """The lines of a file, which may have one of gigabytes: csv looks at its length when it holds it all."""
    while line := stream.readline(MAX_LINE_LENGTH + 1):
        if len(line) > MAX_LINE_LENGTH:
            raise csv.Error(f"a line has more than {MAX_LINE_LENGTH} characters")
        yield line


def _check_columns(path: Path, columns: tuple[str, ...], *needed: tuple[str, ...]) -> None:
    missing = [name for names in needed for name in names if name not in columns]
    twice = sorted({name for names in needed for name in names if columns.count(name) > 1})
    if twice:
        raise DataError(f"{path}: there is more than one column {', '.join(twice)}")
    if missing:
        raise DataError(
            f"{path}: missing columns: {', '.join(missing)}",
            hint=f"the file has the columns {', '.join(columns) or 'none'}",
        )


def _number(row: Row, column: str, where: str) -> float:
    text = row[column]
    try:
        return float(text)
    except (TypeError, ValueError) as error:
        shown = f"`{text}`, not a number" if text else "nothing"
        raise DataError(f"{where}: column `{column}` holds {shown}") from error
