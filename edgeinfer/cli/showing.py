"""How the bundle and store commands print: one JSON document, or short aligned lines."""

from __future__ import annotations

import dataclasses
import sys
import textwrap
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

WIDTH = 80
_UNITS = (("GB", 1e9), ("MB", 1e6), ("kB", 1e3))


def print_json(document: object) -> None:
    """One JSON document on stdout."""
    from edgeinfer.strict import encode_json

    sys.stdout.write(encode_json(document, indent=2).decode() + "\n")


def document_of(record: Any) -> dict[str, Any]:
    """A dataclass of the store as a JSON object; paths become text."""
    fields = ((one.name, getattr(record, one.name)) for one in dataclasses.fields(record))
    return {name: str(value) if isinstance(value, Path) else value for name, value in fields}


def print_lines(lines: Iterable[str]) -> None:
    """Lines on stdout."""
    sys.stdout.write("".join(f"{line}\n" for line in lines))


def field_lines(rows: Iterable[tuple[str, str]], *, label_width: int = 10) -> list[str]:
    """`label  text` lines, the text wrapped to the terminal and aligned; paths and hashes stay whole."""
    lines: list[str] = []
    indent = " " * (label_width + 4)
    for label, text in rows:
        first = f"  {label:<{label_width}}  "
        lines += textwrap.wrap(
            text,
            WIDTH,
            initial_indent=first,
            subsequent_indent=indent,
            break_long_words=False,
            break_on_hyphens=False,
        ) or [first.rstrip()]
    return lines


def table_lines(rows: Sequence[Sequence[str]]) -> list[str]:
    """Columns as wide as their widest cell, two spaces between them."""
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    return [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows
    ]


def size_text(count: int) -> str:
    """A number of bytes for people, such as `1.4 MB`."""
    for unit, factor in _UNITS:
        if count >= factor:
            return f"{count / factor:.1f} {unit}"
    return f"{count} B"
