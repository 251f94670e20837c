"""Reads flatbuffers that nobody vouches for: no offset leads out of the file.

The `flatbuffers` package for Python (25.12) has no verifier, and its accessors read wherever an offset
leads, also backwards. So this does both at once: what was checked is what is given, and no second reader
may see something else. The rules are those of the C++ library's Verifier (alignment, bounds, strings that
end in a zero byte), and two more: a field lies within the size that its table claims, and everything that
is walked, what is shared counted each time, is at most `MAX_SHARING` times the file.

Format: https://flatbuffers.dev/internals. A description has no recursion, so that it bounds the depth.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from edgeinfer.errors import ModelError

MAX_TABLES = 400_000
MAX_SHARING = 2
SPARE_BYTES = 64 * 1024

_OFFSET_BYTES = 4
_SCALARS = {letter: struct.Struct(f"<{letter}") for letter in "?bBhHiIqQfd"}
_U16, _I32, _U32 = _SCALARS["H"], _SCALARS["i"], _SCALARS["I"]


@dataclass(frozen=True)
class Scalar:
    """A number, as a letter of the module `struct`; 0 where the table leaves it out."""

    letter: str
    default: int = 0


@dataclass(frozen=True)
class Vector:
    """Numbers, given as a tuple; bytes (letter B) as a view on the file."""

    letter: str


@dataclass(frozen=True)
class Text:
    """A string, given as bytes: whether they are UTF-8 is nothing to the runtime."""


@dataclass(frozen=True)
class Nested:
    """Another table."""

    table: Table


@dataclass(frozen=True)
class Tables:
    """A vector of tables."""

    table: Table


@dataclass(frozen=True)
class Union:
    """A table whose kind is said by the number in the field before."""

    kinds: Mapping[int, Table]


Kind = Scalar | Vector | Text | Nested | Tables | Union


@dataclass(frozen=True)
class Table:
    """Fields in the order of their slots; a name that is empty is a slot that nobody reads any more."""

    name: str
    fields: tuple[tuple[str, Kind], ...]


class Record:
    """A table that was read: a field that the file leaves out has its default, or None."""

    __slots__ = ("table", "values")

    def __init__(self, table: str, values: dict[str, Any]) -> None:
        self.table = table
        self.values = values

    def __getitem__(self, field: str) -> Any:
        return self.values[field]


def read_root(data: bytes, table: Table) -> Record:
    """Read a whole file, the root table with all that hangs on it. Raises ModelError."""
    reader = _Reader(data)
    return reader.table(reader.follow(0, "the root"), table)


class _Reader:
    def __init__(self, data: bytes) -> None:
        self._data = data
        self._view = memoryview(data)
        self._budget = MAX_SHARING * len(data) + SPARE_BYTES
        self._tables = 0

    def follow(self, at: int, where: str) -> int:
        """Where the offset at a place leads: forwards, and not nowhere."""
        distance = self._number(_U32, at, where)
        if distance == 0:
            raise _damaged(f"{where} leads nowhere")
        return at + int(distance)

    def table(self, at: int, table: Table) -> Record:
        slots, size = self._slots(at, table.name)
        values: dict[str, Any] = {}
        for slot, (name, kind) in enumerate(table.fields):
            offset = slots[slot] if slot < len(slots) else 0
            if not name:
                continue
            if offset == 0:
                values[name] = kind.default if isinstance(kind, Scalar) else None
                continue
            width = _SCALARS[kind.letter].size if isinstance(kind, Scalar) else _OFFSET_BYTES
            if not _OFFSET_BYTES <= offset <= size - width:
                raise _damaged(f"{table.name}.{name} lies outside its table")
            values[name] = self._field(at + offset, kind, f"{table.name}.{name}", values)
        _check_unions(table, values)
        return Record(table.name, values)

    def _slots(self, at: int, name: str) -> tuple[tuple[int, ...], int]:
        """Offsets of the fields within a table, from its vtable, and the table's size."""
        vtable = at - int(self._number(_I32, at, name))
        length = int(self._number(_U16, vtable, f"the vtable of {name}"))
        size = int(self._number(_U16, vtable + 2, f"the vtable of {name}"))
        if length < 4 or length % 2 or vtable + length > len(self._data):
            raise _damaged(f"the vtable of {name} has the length {length}")
        if size < _OFFSET_BYTES or at + size > len(self._data):
            raise _damaged(f"{name} reaches beyond the end of the file")
        self._tables += 1
        if self._tables > MAX_TABLES:
            raise ModelError(f"the model has more than {MAX_TABLES} tables")
        self._spend(size)
        return struct.unpack_from(f"<{length // 2 - 2}H", self._data, vtable + 4), size

    def _field(self, at: int, kind: Kind, where: str, before: Mapping[str, Any]) -> Any:
        if isinstance(kind, Scalar):
            return self._number(_SCALARS[kind.letter], at, where)
        target = self.follow(at, where)
        if isinstance(kind, Vector):
            return self._vector(target, kind.letter, where)
        if isinstance(kind, Text):
            return self._text(target, where)
        if isinstance(kind, Tables):
            places = self._places(target, where)
            return [self.table(self.follow(place, where), kind.table) for place in places]
        if isinstance(kind, Nested):
            return self.table(target, kind.table)
        return self._union(target, kind, where, before)

    def _union(self, at: int, kind: Union, where: str, before: Mapping[str, Any]) -> Record | None:
        number = before[_tag(where.rpartition(".")[2])]
        if number == 0:
            return None
        if number not in kind.kinds:
            raise ModelError(f"{where} is of kind {number}, which is not known")
        return self.table(at, kind.kinds[number])

    def _vector(self, at: int, letter: str, where: str) -> Any:
        width = _SCALARS[letter].size
        count = self._length(at, width, where)
        start = at + _OFFSET_BYTES
        if letter == "B":
            return self._view[start : start + count]
        self._spend(count * width)
        return struct.unpack_from(f"<{count}{letter}", self._data, start)

    def _places(self, at: int, where: str) -> range:
        count = self._length(at, _OFFSET_BYTES, where)
        self._spend(count * _OFFSET_BYTES)
        return range(at + _OFFSET_BYTES, at + _OFFSET_BYTES * (count + 1), _OFFSET_BYTES)

    def _text(self, at: int, where: str) -> bytes:
        count = self._length(at, 1, where)
        end = at + _OFFSET_BYTES + count
        if end >= len(self._data) or self._data[end]:
            raise _damaged(f"{where} has no zero byte at its end")
        self._spend(count)
        return self._data[at + _OFFSET_BYTES : end]

    def _length(self, at: int, width: int, where: str) -> int:
        count = int(self._number(_U32, at, where))
        if at + _OFFSET_BYTES + count * width > len(self._data):
            raise _damaged(f"{where} reaches beyond the end of the file")
        return count

    def _number(self, form: struct.Struct, at: int, where: str) -> Any:
        if at < 0 or at + form.size > len(self._data):
            raise _damaged(f"{where} lies outside the file")
        if at % form.size:
            raise _damaged(f"{where} is not aligned")
        return form.unpack_from(self._data, at)[0]

    def _spend(self, count: int) -> None:
        self._budget -= count
        if self._budget < 0:
            raise ModelError("the parts of the model are shared so often that it is more than its file")


def _check_unions(table: Table, values: Mapping[str, Any]) -> None:
    for name, kind in table.fields:
        if isinstance(kind, Union) and values[name] is None and values[_tag(name)]:
            raise _damaged(f"{table.name}.{name} is announced and not there")


def _tag(name: str) -> str:
    return f"{name}_type"


def _damaged(text: str) -> ModelError:
    return ModelError(f"a damaged TensorFlow Lite model: {text}")
