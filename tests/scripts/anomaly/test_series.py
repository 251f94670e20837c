"""Recordings: read, marked, cut into windows and written."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgeinfer.errors import DataError
from scripts.anomaly.series import LABEL, Series, read_csv, read_npz, windows_of, write_csv


def _write_rows(path: Path, rows: int = 6) -> Path:
    lines = [f"2024-01-01 0{number}:00:00,{number * 1.5},{-number}" for number in range(rows)]
    path.write_text("\n".join(["timestamp,value,other", *lines]) + "\n", encoding="utf-8")
    return path


def _write_windows(path: Path, *windows: tuple[str, str], name: str = "rows.csv") -> Path:
    path.write_text(json.dumps({f"folder/{name}": windows}), encoding="utf-8")
    return path


def test_chosen_columns_are_read_in_the_order_asked_for(tmp_path: Path) -> None:
    path = _write_rows(tmp_path / "rows.csv")
    series = read_csv(path, ["other", "value"], windows=None, time_column="timestamp")
    assert series.columns == ("other", "value")
    np.testing.assert_allclose(series.values[2], [-2.0, 3.0])
    assert (len(series), series.normal_rows) == (6, 6)


def test_rows_inside_the_named_times_are_anomalous_ends_included(tmp_path: Path) -> None:
    path = _write_rows(tmp_path / "rows.csv")
    windows = _write_windows(
        tmp_path / "w.json",
        ("2024-01-01 02:00:00.000000", "2024-01-01 03:00:00.000000"),
        ("2024-01-01 05:00:00", "2024-01-01 09:00:00"),
    )
    series = read_csv(path, ["value"], windows=windows, time_column="timestamp")
    assert series.anomalous.tolist() == [False, False, True, True, False, True]
    assert series.normal_rows == 2


@pytest.mark.parametrize(
    ("columns", "time_column", "name", "message"),
    [
        (["value", "nothing"], "timestamp", "rows.csv", "no column named nothing"),
        (["value"], "when", "rows.csv", "no column named when"),
        (["value"], "timestamp", "else.csv", "says nothing about rows.csv"),
        (["timestamp"], "timestamp", "rows.csv", "is not a number"),
    ],
)
def test_what_is_not_there_is_named(
    tmp_path: Path, columns: list[str], time_column: str, name: str, message: str
) -> None:
    path = _write_rows(tmp_path / "rows.csv")
    windows = _write_windows(tmp_path / "w.json", name=name)
    with pytest.raises(DataError, match=message):
        read_csv(path, columns, windows=windows, time_column=time_column)


def test_an_empty_file_has_no_columns(tmp_path: Path) -> None:
    path = tmp_path / "rows.csv"
    path.write_text("", encoding="utf-8")
    with pytest.raises(DataError, match="no column named value"):
        read_csv(path, ["value"], windows=None, time_column="timestamp")


def test_recordings_follow_each_other_the_normal_one_first(tmp_path: Path) -> None:
    path = tmp_path / "recordings.npz"
    np.savez(path, fault=np.ones(3, np.float64), normal=np.zeros(4, np.float32))
    series = read_npz(path, "vibration", normal="normal")
    assert series.values.ravel().tolist() == [0, 0, 0, 0, 1, 1, 1]
    assert series.anomalous.tolist() == [False] * 4 + [True] * 3
    with pytest.raises(DataError, match="no array named quiet; there are fault, normal"):
        read_npz(path, "vibration", normal="quiet")


def test_written_rows_carry_their_mark(tmp_path: Path) -> None:
    series = Series(("a", "b"), np.array([[1, 2], [3, 4.25]], np.float32), np.array([False, True]))
    write_csv(tmp_path / "out.csv", series)
    with (tmp_path / "out.csv").open(newline="", encoding="utf-8") as stream:
        rows = list(csv.DictReader(stream))
    assert rows == [{"a": "1", "b": "2", LABEL: "0"}, {"a": "3", "b": "4.25", LABEL: "1"}]


@given(st.integers(1, 40), st.integers(1, 10), st.integers(1, 10))
def test_windows_are_the_rows_they_say(rows: int, length: int, stride: int) -> None:
    values = np.arange(2 * rows, dtype=np.float32).reshape(rows, 2)
    series = Series(("a", "b"), values, np.zeros(rows, bool))
    if length > rows:
        return
    windows = windows_of(series, length, stride)
    assert windows.shape == ((rows - length) // stride + 1, length, 2)
    for number, window in enumerate(windows):
        np.testing.assert_array_equal(window, values[number * stride : number * stride + length])
