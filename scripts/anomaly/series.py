"""Sensor recordings with a mark on every row that lies in a known anomaly."""

from __future__ import annotations

import csv
import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import numpy as np
import numpy.typing as npt

from edgeinfer.errors import DataError

Floats = npt.NDArray[np.float32]
LABEL = "anomalous"


@dataclass(frozen=True)
class Series:
    """`values` is (rows, columns) float32; `anomalous` (rows,) bool."""

    columns: tuple[str, ...]
    values: Floats
    anomalous: npt.NDArray[np.bool_]

    def __len__(self) -> int:
        return len(self.anomalous)

    @property
    def normal_rows(self) -> int:
        """How many rows there are before the first anomaly."""
        return int(np.argmax(self.anomalous)) if self.anomalous.any() else len(self)

    def part(self, start: int, stop: int) -> Series:
        """The rows from `start` up to `stop`."""
        return Series(self.columns, self.values[start:stop], self.anomalous[start:stop])


def read_csv(path: Path, columns: Sequence[str], *, windows: Path | None, time_column: str) -> Series:
    """Columns of a CSV file; anomalies from a JSON file of [start, end] times by file name (NAB's form).

    Raises DataError.
    """
    with path.open(newline="", encoding="utf-8") as stream:
        rows = list(csv.DictReader(stream))
    needed = [*columns, *([time_column] if windows else [])]
    missing = [name for name in needed if not rows or name not in rows[0]]
    if missing:
        raise DataError(f"{path}: no column named {', '.join(missing)}")
    values = np.array([[_number(row[name], path) for name in columns] for row in rows], np.float32)
    anomalous = np.zeros(len(rows), bool)
    if windows:
        times = [datetime.fromisoformat(row[time_column]) for row in rows]
        for start, end in _read_windows(windows, path.name):
            anomalous |= np.array([start <= time <= end for time in times])
    return Series(tuple(columns), values, anomalous)


def _read_windows(path: Path, name: str) -> list[tuple[datetime, datetime]]:
    table = json.loads(path.read_text(encoding="utf-8"))
    for key, windows in table.items():
        if Path(key).name == name:
            return [(datetime.fromisoformat(start), datetime.fromisoformat(end)) for start, end in windows]
    raise DataError(f"{path}: says nothing about {name}")


def _number(text: str, path: Path) -> float:
    try:
        return float(text)
    except ValueError as error:
        raise DataError(f"{path}: `{text}` is not a number") from error


def read_npz(path: Path, column: str, *, normal: str) -> Series:
    """Recordings of one sensor, an array each: the `normal` one first, then the others: anomalous."""
    with np.load(path) as arrays:
        if normal not in arrays:
            raise DataError(f"{path}: no array named {normal}; there are {', '.join(arrays)}")
        names = [normal, *(name for name in arrays if name != normal)]
        recordings = [np.asarray(arrays[name], np.float32).ravel() for name in names]
    marks = [np.full(len(one), name != normal) for name, one in zip(names, recordings, strict=True)]
    return Series((column,), np.concatenate(recordings)[:, None], np.concatenate(marks))


def write_csv(path: Path, series: Series) -> None:
    """The rows and, as 0 or 1 in a last column, whether they are anomalous."""
    with path.open("w", newline="", encoding="utf-8") as stream:
        writer = csv.writer(stream)
        writer.writerow([*series.columns, LABEL])
        for row, anomalous in zip(series.values, series.anomalous, strict=True):
            writer.writerow([*(f"{value:.7g}" for value in row), int(anomalous)])


def windows_of(series: Series, length: int, stride: int) -> Floats:
    """(windows, length, columns); the first begins with the first row."""
    view = np.lib.stride_tricks.sliding_window_view(series.values, length, axis=0)[::stride]
    return np.ascontiguousarray(view.transpose(0, 2, 1))
