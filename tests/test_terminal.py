"""Text for a terminal."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgeinfer.terminal import WIDTH, printable, wrapped

WORDS = st.lists(st.text("abc-/é", min_size=1, max_size=30), min_size=1, max_size=30)


@given(st.text())
def test_what_is_printed_steers_no_terminal(text: str) -> None:
    assert printable(text).isprintable()
    assert not text.isprintable() or printable(text) == text


def test_what_is_escaped_can_still_be_told() -> None:
    assert printable("grün \x1b[2J\n") == r"grün \x1b[2J\n"


@given(WORDS, st.integers(0, 20))
def test_all_words_in_their_order_and_within_the_width(words: list[str], indent: int) -> None:
    lines = wrapped(" ".join(words), "-" * indent)
    assert lines[0].startswith("-" * indent)
    assert all(line.startswith(" " * indent) for line in lines[1:])
    assert " ".join(line[indent:] for line in lines).split() == words
    assert max(map(len, lines)) <= WIDTH


@pytest.mark.parametrize("word", ["f" * 100, "/a" * 60, "a-" * 50])
def test_a_long_word_stays_whole(word: str) -> None:
    assert any(word in line for line in wrapped(f"see {word} there", "  path  "))


def test_nothing_is_no_line() -> None:
    assert wrapped("", "label ") == []
