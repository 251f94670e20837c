"""Text for a terminal: as wide as one, and nothing in it that would steer it."""

from __future__ import annotations

import textwrap

WIDTH = 80
"""Columns that everything printed for people fits in, unless a path or a name is longer."""


def printable(text: str) -> str:
    """Text with what is not printable escaped: names out of foreign files must not steer a terminal."""
    return "".join(one if one.isprintable() else ascii(one)[1:-1] for one in text)


def wrapped(text: str, lead: str = "") -> list[str]:
    """Lines of WIDTH columns: the first after `lead`, the others below its end. Words stay whole.

    No text, no lines.
    """
    return textwrap.wrap(
        text,
        WIDTH,
        initial_indent=lead,
        subsequent_indent=" " * len(lead),
        break_long_words=False,
        break_on_hyphens=False,
    )
