"""What CSV and JSON lines have in common: numbers, missing columns, bad rows, windows, pace."""

from __future__ import annotations

import json
import logging
import math
import struct
from pathlib import Path
from threading import Event

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgeinfer.errors import SettingsError, SourceError
from edgeinfer.processing.spec import WindowInput
from edgeinfer.sources import Source, open_source
from edgeinfer.sources.fake import ManualClock
from edgeinfer.sources.rows import LARGEST, MAX_NAMED_ROWS, RowSource, finite_number, missing_columns

SCHEMES = ("csv", "jsonl")


def spec(length: int = 3, stride: int = 2) -> WindowInput:
    return WindowInput(columns=("x", "y"), length=length, stride=stride)


def write_rows(path: Path, rows: list[tuple[object, object]]) -> Path:
    """The same rows as CSV or as JSON lines, as the path ends."""
    if path.suffix == ".csv":
        lines = ["x,y", *(f"{x},{y}" for x, y in rows)]
    else:
        lines = [json.dumps({"x": x, "y": y}) for x, y in rows]
    path.write_text("\n".join(lines) + "\n")
    return path


def windows(source: Source) -> list[np.ndarray]:
    found = []
    while frame := source.read():
        found.append(frame.data)
    return found


@pytest.mark.parametrize("scheme", SCHEMES)
def test_windows_slide_over_the_rows(scheme: str, tmp_path: Path) -> None:
    path = write_rows(tmp_path / f"rows.{scheme}", [(n, -n) for n in range(8)])
    with open_source(str(path), spec()) as source:
        assert source.live is False
        found = windows(source)
    assert [window[:, 0].tolist() for window in found] == [[0, 1, 2], [2, 3, 4], [4, 5, 6]]
    assert (found[0][:, 1] == -found[0][:, 0]).all()
    assert all(window.dtype == np.float32 and window.shape == (3, 2) for window in found)


@pytest.mark.parametrize("scheme", SCHEMES)
def test_a_window_knows_its_last_line(scheme: str, tmp_path: Path) -> None:
    path = write_rows(tmp_path / f"rows.{scheme}", [(n, n) for n in range(3)])
    with open_source(str(path), spec()) as source:
        frame = source.read()
    assert frame is not None
    assert frame.name == ("line 4" if scheme == "csv" else "line 3")
    assert frame.sequence == 0


@pytest.mark.parametrize("scheme", SCHEMES)
def test_too_few_rows_for_a_window_are_an_error(scheme: str, tmp_path: Path) -> None:
    path = write_rows(tmp_path / f"rows.{scheme}", [(1, 1), (2, 2)])
    with (
        open_source(str(path), spec()) as source,
        pytest.raises(SourceError, match="2 rows, a window needs 3"),
    ):
        source.read()


@pytest.mark.parametrize("scheme", SCHEMES)
def test_a_bad_row_is_an_error_that_names_line_and_column(scheme: str, tmp_path: Path) -> None:
    path = write_rows(tmp_path / f"rows.{scheme}", [(1, 1), (2, "wet")])
    with open_source(str(path), spec()) as source, pytest.raises(SourceError) as caught:
        source.read()
    line = 3 if scheme == "csv" else 2
    assert caught.value.message.startswith(f"{path}, line {line}:")
    assert "`y`" in caught.value.message
    assert "wet" in caught.value.message
    assert "`bad=skip`" in caught.value.hint


@pytest.mark.parametrize("scheme", SCHEMES)
def test_bad_rows_can_be_left_out(scheme: str, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    rows: list[tuple[object, object]] = [(n, n) for n in range(3)]
    rows[1:1] = [("wet", 0)] * (MAX_NAMED_ROWS + 5)
    path = write_rows(tmp_path / f"rows.{scheme}", rows)
    with caplog.at_level(logging.WARNING), open_source(f"{path}?bad=skip", spec()) as source:
        found = windows(source)
        assert isinstance(source, RowSource)
        assert source.skipped == MAX_NAMED_ROWS + 5
    assert [window[:, 0].tolist() for window in found] == [[0, 1, 2]]
    assert caplog.text.count("the row is left out") == MAX_NAMED_ROWS
    assert f"{MAX_NAMED_ROWS + 5} rows were left out" in caplog.text


@pytest.mark.parametrize("scheme", SCHEMES)
def test_blank_lines_are_nothing(scheme: str, tmp_path: Path) -> None:
    path = write_rows(tmp_path / f"rows.{scheme}", [(n, n) for n in range(3)])
    path.write_text(path.read_text().replace("\n", "\n\n \n"))
    with open_source(str(path), spec()) as source:
        assert len(windows(source)) == 1


@pytest.mark.parametrize("scheme", SCHEMES)
def test_rows_can_be_played_at_a_rate(scheme: str, tmp_path: Path) -> None:
    clock = ManualClock()
    path = write_rows(tmp_path / f"rows.{scheme}", [(n, n) for n in range(5)])
    with open_source(f"{path}?rate_hz=10", spec(), clock=clock) as source:
        stamps = [frame.captured_s for _ in range(2) if (frame := source.read())]
    assert stamps == pytest.approx([0.2, 0.4])


class WritingClock(ManualClock):
    """Writes the next piece of a file at each wait, and stops the reader when there is none."""

    def __init__(self, path: Path, pieces: list[str]) -> None:
        super().__init__()
        self.path = path
        self.pieces = pieces

    def wait(self, seconds: float, stop: Event) -> None:
        super().wait(seconds, stop)
        if self.pieces:
            with self.path.open("a") as stream:
                stream.write(self.pieces.pop(0))
        else:
            stop.set()


@pytest.mark.parametrize(
    ("options", "expected"),
    [("follow=1", [[0, 1, 2], [2, 3, 4]]), ("follow=1&start=end", [[2, 3, 4]])],
)
@pytest.mark.parametrize("scheme", SCHEMES)
def test_a_file_is_followed(scheme: str, options: str, expected: list[list[int]], tmp_path: Path) -> None:
    path = write_rows(tmp_path / f"rows.{scheme}", [(0, 0), (1, 1)])
    more = write_rows(tmp_path / f"more.{scheme}", [(n, n) for n in range(2, 5)])
    text = more.read_text().removeprefix("x,y\n")
    # In pieces of three letters, so that most looks find half a line.
    clock = WritingClock(path, [text[at : at + 3] for at in range(0, len(text), 3)])
    with open_source(f"{path}?{options}", spec(), clock=clock) as source:
        assert [window[:, 0].tolist() for window in windows(source)] == expected


@pytest.mark.parametrize("scheme", SCHEMES)
def test_a_followed_file_may_be_absent_at_first(scheme: str, tmp_path: Path) -> None:
    path = tmp_path / f"rows.{scheme}"
    text = write_rows(tmp_path / f"other.{scheme}", [(n, n) for n in range(3)]).read_text()
    clock = WritingClock(path, [text])
    with open_source(f"{scheme}://{path}?follow=1&start=end", spec(), clock=clock) as source:
        assert len(windows(source)) == 1


@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize("option", ["follow=1", "start=end"])
def test_standard_input_has_no_end_to_wait_at(scheme: str, option: str) -> None:
    with pytest.raises(SettingsError, match="standard input needs neither"):
        open_source(f"{scheme}:-?{option}", spec())


@pytest.mark.parametrize("value", [0, 1.5, "1.5", " -2e3 ", "7", LARGEST, -LARGEST])
def test_numbers_are_numbers(value: object) -> None:
    assert finite_number(value) == float(value)  # type: ignore[arg-type]  # all of them are


@pytest.mark.parametrize(
    "value",
    ["", "wet", "1,5", "1_000", "nan", "inf", "-Infinity", "1e39", "0x10", True, None, [1], 10**400, 1e39],
)
def test_everything_else_is_none(value: object) -> None:
    assert finite_number(value) is None


@given(st.text() | st.floats() | st.integers() | st.booleans() | st.none())
def test_a_number_always_fits_into_float32(value: object) -> None:
    number = finite_number(value)
    assert number is None or math.isfinite(struct.unpack("f", struct.pack("f", number))[0])


def test_missing_columns_come_with_the_likely_one() -> None:
    assert missing_columns(("x", "y"), ("y", "x", "z")) == ""
    assert missing_columns(("temperature", "zzz"), ("temperatur", "x")) == (
        "`temperature` (did you mean `temperatur`?), `zzz`"
    )
