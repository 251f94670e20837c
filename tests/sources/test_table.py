"""CSV files."""

from __future__ import annotations

import csv
import io
import sys
from pathlib import Path
from threading import Event

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from edgeinfer.errors import SourceError
from edgeinfer.processing.spec import WindowInput
from edgeinfer.sources import Source, open_source
from edgeinfer.sources.fake import ManualClock
from tests.fixtures.rows import SPEC, finite, rows


def table(tmp_path: Path, text: str | bytes, options: str = "") -> Source:
    path = tmp_path / "rows.csv"
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return open_source(f"{path}?{options}" if options else str(path), SPEC)


@pytest.mark.parametrize(
    ("text", "options"),
    [
        ("x,y\n1,2\n3,4\n", ""),
        ("time,y,note,x\nt,2,dry,1\nt,4,dry,3", ""),
        (" x , y \n 1 , 2 \n 3,4\n", ""),
        ("\ufeffx,y\r\n1,2\r\n3,4\r\n", ""),
        ('"x","y"\n"1","2"\n"3","4"\n', ""),
        ("x;y\n1;2\n3;4\n", "delimiter=semicolon"),
        ("x\ty\n1\t2\n3\t4\n", "delimiter=tab"),
        ("x y\n1 2\n3 4\n", "delimiter=space"),
        ("\n\nx,y\n1,2\n\n3,4\n", ""),
    ],
)
def test_tables_of_many_kinds(text: str, options: str, tmp_path: Path) -> None:
    with table(tmp_path, text, options) as source:
        assert rows(source) == [[1, 2], [3, 4]]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("X,y\n1,2\n", "the first line does not name the columns `x`"),
        ("time,yy\n1,2\n", "the columns `x`, `y` (did you mean `yy`?)"),
        ("1,2\n3,4\n", "does not name the columns `x`, `y`"),
        ("x;y\n1;2\n", "does not name the columns `x`"),
        ("x,y,x\n1,2,3\n", "names more than once: x"),
        ("x,y\n1\n", "line 2: 1 cells, where the header has 2"),
        ("x,y\n1,2,3\n", "line 2: 3 cells, where the header has 2"),
        ("x,y\n1,2\n3,\n", "line 3: column `y` holds ``, which is not a finite number"),
        ("x,y\n1,nan\n", "line 2: column `y` holds `nan`"),
        ("x,y\n1_0,2\n", "line 2: column `x` holds `1_0`"),
        ('x,y\n"1,2\n', "line 2: not a row of CSV"),
        (b"x,y\n1,\xff\n", "line 2: not UTF-8 text"),
        ("", "ended after 0 rows, a window needs 1"),
        ("x,y\n", "ended after 0 rows, a window needs 1"),
    ],
)
def test_what_is_wrong_is_named(text: str | bytes, message: str, tmp_path: Path) -> None:
    with pytest.raises(SourceError) as caught, table(tmp_path, text) as source:
        rows(source)
    assert message in caught.value.message
    assert caught.value.message.startswith(str(tmp_path / "rows.csv"))


def test_the_hint_shows_the_columns_that_are_there(tmp_path: Path) -> None:
    names = [f"column{number}" for number in range(40)]
    with table(tmp_path, ",".join(names) + "\n") as source, pytest.raises(SourceError) as caught:
        source.read()
    assert caught.value.hint.startswith("it names: column0, column1, ")
    assert "column11, …" in caught.value.hint
    assert "delimiter" in caught.value.hint


def test_a_quote_left_open_costs_one_row_only(tmp_path: Path) -> None:
    with table(tmp_path, 'x,y\n1,2\n"3,4\n5,6\n', "bad=skip") as source:
        assert rows(source) == [[1, 2], [5, 6]]


def test_missing_columns_are_an_error_even_where_bad_rows_are_left_out(tmp_path: Path) -> None:
    with (
        table(tmp_path, "a,b\n1,2\n", "bad=skip") as source,
        pytest.raises(SourceError, match="does not name"),
    ):
        source.read()


def test_a_new_file_brings_its_own_header(tmp_path: Path) -> None:
    path = tmp_path / "rows.csv"
    path.write_text("x,y\n1,2\n")

    class RotatingClock(ManualClock):
        def wait(self, seconds: float, stop: Event) -> None:
            super().wait(seconds, stop)
            if len(self.waits_s) == 1:
                path.rename(tmp_path / "rows.csv.1")
                path.write_text("y,time,x\n4,t,3\n")
            else:
                stop.set()

    with open_source(f"{path}?follow=1", SPEC, clock=RotatingClock()) as source:
        assert rows(source) == [[1, 2], [3, 4]]


def test_standard_input(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"x,y\n1,2\n3,4")))
    with open_source("csv:-", SPEC) as source:
        assert rows(source) == [[1, 2], [3, 4]]


def test_errors_of_standard_input_name_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"x,y\n1,wet\n")))
    with open_source("csv:-", SPEC) as source, pytest.raises(SourceError, match=r"^standard input, line 2: "):
        source.read()


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=50)
@given(
    values=st.lists(st.tuples(finite, finite, st.text(st.characters(exclude_categories=["C", "Z"])))),
    delimiter=st.sampled_from(",;\t "),
)
def test_what_the_csv_module_writes_is_read_back(
    values: list[tuple[float, float, str]], delimiter: str, tmp_path: Path
) -> None:
    text = io.StringIO()
    writer = csv.writer(text, delimiter=delimiter)
    writer.writerow(["y", "note", "x"])
    writer.writerows([y, note, x] for x, y, note in [*values, (1.0, 2.0, "last")])
    names = {",": "comma", ";": "semicolon", "\t": "tab", " ": "space"}
    with table(tmp_path, text.getvalue(), f"delimiter={names[delimiter]}") as source:
        found = rows(source)
    assert found == [[x, y] for x, y, _ in values] + [[1, 2]]


@pytest.mark.zoo
def test_a_real_series_is_read_to_its_last_row(zoo: Path) -> None:
    path = zoo / "datasets" / "sensors" / "nab" / "machine_temperature_system_failure.csv"
    count = len(path.read_text().splitlines()) - 1
    spec = WindowInput(columns=("value",), length=288, stride=288)
    with open_source(str(path), spec) as source:
        found = []
        while frame := source.read():
            found.append(frame.data)
    assert len(found) == count // 288
    assert np.isfinite(np.stack(found)).all()
