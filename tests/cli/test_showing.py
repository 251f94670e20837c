"""How commands print."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgeinfer.cli.showing import document_of, field_lines, size_text, table_lines


@pytest.mark.parametrize(
    ("count", "text"),
    [(0, "0 B"), (999, "999 B"), (1000, "1.0 kB"), (1_400_000, "1.4 MB"), (8 * 10**9, "8.0 GB")],
)
def test_sizes(count: int, text: str) -> None:
    assert size_text(count) == text


@given(st.lists(st.text("abc ", max_size=200), min_size=1, max_size=3))
def test_fields_keep_their_words_and_fit(texts: list[str]) -> None:
    lines = field_lines([("label", text) for text in texts])
    words = " ".join(lines).replace("label", " ").split()
    assert words == " ".join(texts).split()
    assert all(len(line) <= 80 or " " not in line.strip() for line in lines if "label" not in line)


def test_long_words_stay_whole() -> None:
    assert field_lines([("sha256", "f" * 64), ("path", "/a" * 60)])[0] == f"  sha256      {'f' * 64}"
    assert ("/a" * 60) in field_lines([("path", "/a" * 60)])[-1]


def test_columns_are_aligned() -> None:
    assert table_lines([("A", "B"), ("long", "x"), ("s", "")]) == ["A     B", "long  x", "s"]
    assert table_lines([("A", "B"), ("", "")], indent="  ") == ["  A  B", ""]


def test_paths_become_text() -> None:
    @dataclass(frozen=True)
    class Record:
        path: Path
        count: int

    assert document_of(Record(Path("/a"), 1)) == {"path": "/a", "count": 1}
