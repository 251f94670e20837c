"""How the bundle and store commands print: one JSON document, or short aligned lines."""

from __future__ import annotations

import dataclasses
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from edgeinfer.terminal import wrapped

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
    for label, text in rows:
        lead = f"  {label:<{label_width}}  "
        lines += wrapped(text, lead) or [lead.rstrip()]
    return lines


def table_lines(rows: Sequence[Sequence[str]], indent: str = "") -> list[str]:
    """Columns as wide as their widest cell, two spaces between them."""
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    cells = ([cell.ljust(width) for cell, width in zip(row, widths, strict=True)] for row in rows)
    return [(indent + "  ".join(row)).rstrip() for row in cells]


def size_text(count: int) -> str:
    """A number of bytes for people, such as `1.4 MB`."""
    for unit, factor in _UNITS:
        if count >= factor:
            return f"{count / factor:.1f} {unit}"
    return f"{count} B"
