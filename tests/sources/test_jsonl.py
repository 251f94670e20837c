"""JSON lines."""

from __future__ import annotations

import io
import json
import sys
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from edgeinfer.errors import SourceError
from edgeinfer.sources import Source, open_source
from tests.fixtures.rows import SPEC, finite, rows


def lines(tmp_path: Path, text: str | bytes, options: str = "") -> Source:
    path = tmp_path / "rows.jsonl"
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return open_source(f"{path}?{options}" if options else str(path), SPEC)


def test_keys_are_columns_in_any_order_among_others(tmp_path: Path) -> None:
    text = '{"x": 1, "y": 2.5}\n{"note": {"a": [null]}, "y": -4, "time": "now", "x": 3e0}'
    with lines(tmp_path, text) as source:
        assert rows(source) == [[1, 2.5], [3, -4]]


def test_standard_input(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b'{"x":1,"y":2}\n{"x":3,"y":4}\n')))
    with open_source("-", SPEC) as source:
        assert rows(source) == [[1, 2], [3, 4]]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('{"x": 1}', "line 1: the object lacks `y`"),
        ('{"x": 1, "yy": 2}', "lacks `y` (did you mean `yy`?)"),
        ('{"x": 1, "y": 2}\n[1, 2]', "line 2: Expected `object`, got `array`"),
        ('{"x": 1, "y"', "line 1: not valid JSON"),
        ('{"x": 1, "y": NaN}', "line 1: not valid JSON"),
        ('{"x": 1, "y": null}', "line 1: `y` is 'None', which is not a finite number"),
        ('{"x": "1", "y": 2}', "line 1: `x` is '1', which is not a finite number"),
        ('{"x": true, "y": 2}', "line 1: `x` is 'True'"),
        ('{"x": 1e200, "y": 2}', "line 1: `x` is '1e+200'"),
        (b'{"x": 1, "\xff": 2}', "line 1: "),
        ("[" * 100_000, "line 1: "),
        ("", "ended after 0 rows"),
    ],
)
def test_what_is_wrong_is_named(text: str | bytes, message: str, tmp_path: Path) -> None:
    with lines(tmp_path, text) as source, pytest.raises(SourceError) as caught:
        rows(source)
    assert message in caught.value.message
    assert caught.value.message.startswith(str(tmp_path / "rows.jsonl"))
    assert len(caught.value.message) < 500


def test_bad_lines_can_be_left_out(tmp_path: Path) -> None:
    with lines(tmp_path, '{"x": 1, "y": 2}\nnonsense\n{"x": 1}\n{"x": 3, "y": 4}\n', "bad=skip") as source:
        assert rows(source) == [[1, 2], [3, 4]]


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=50)
@given(objects=st.lists(st.fixed_dictionaries({"x": finite, "y": finite, "note": st.text()}), min_size=1))
def test_what_the_json_module_writes_is_read_back(objects: list[dict[str, float]], tmp_path: Path) -> None:
    with lines(tmp_path, "".join(json.dumps(one) + "\n" for one in objects)) as source:
        assert rows(source) == [[one["x"], one["y"]] for one in objects]


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=50)
@given(data=st.binary(max_size=200))
def test_any_bytes_end_in_rows_or_an_error(data: bytes, tmp_path: Path) -> None:
    with lines(tmp_path, data) as source:
        try:
            found = rows(source)
        except SourceError as error:
            found = [[0, 0]] if str(tmp_path) in error.message else []
    assert found
