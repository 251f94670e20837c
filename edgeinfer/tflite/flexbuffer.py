"""Reads the options of custom operators: a FlexBuffer, as far as it is a map of plain numbers.

The runtime's own reader follows every offset unchecked. Format: https://flatbuffers.dev/flexbuffers (a map
is its values, then a byte of type for each; the three slots before them lead to the keys).
"""

from __future__ import annotations

import struct

from edgeinfer.errors import ModelError

MAX_BYTES = 64 * 1024
MAX_ENTRIES = 256

_MAP = 9
_NULL, _INT, _UINT, _FLOAT, _BOOL = 0, 1, 2, 3, 26
_INDIRECT = {6: _INT, 7: _UINT, 8: _FLOAT}
_FORMS = {
    _INT: {1: "<b", 2: "<h", 4: "<i", 8: "<q"},
    _UINT: {1: "<B", 2: "<H", 4: "<I", 8: "<Q"},
    _FLOAT: {2: "<e", 4: "<f", 8: "<d"},
    _BOOL: {1: "<B", 2: "<H", 4: "<I", 8: "<Q"},
    _NULL: {1: "<b", 2: "<h", 4: "<i", 8: "<q"},
}


def read_numbers(where: str, data: bytes) -> dict[str, float]:
    """The numbers by name. Raises ModelError, which says `where`, for anything but a map of numbers."""
    try:
        return _Reader(data).root()
    except (struct.error, KeyError, IndexError, ValueError) as error:
        raise ModelError(f"{where} has options that are damaged, or not numbers by name") from error


class _Reader:
    """Every place is checked to be within the data; what is wrong raises one of the errors above."""

    def __init__(self, data: bytes) -> None:
        if not 3 <= len(data) <= MAX_BYTES:
            raise ValueError(len(data))
        self._data = data

    def root(self) -> dict[str, float]:
        packed, width = self._data[-2], self._data[-1]
        if packed >> 2 != _MAP:
            raise ValueError(packed)
        return self._map(self._target(len(self._data) - 2 - width, width), 1 << (packed & 3))

    def _map(self, at: int, width: int) -> dict[str, float]:
        count = self._unsigned(at - width, width)
        keys_width = self._unsigned(at - 2 * width, width)
        keys = self._target(at - 3 * width, width)
        if count > MAX_ENTRIES or self._unsigned(keys - keys_width, keys_width) != count:
            raise ValueError(count)
        found = {}
        for number in range(count):
            name = self._key(self._target(keys + number * keys_width, keys_width))
            kind = self._data[at + count * width + number]
            found[name] = self._value(at + number * width, width, kind)
        # The runtime looks names up by halves.
        if list(found) != sorted(found) or len(found) != count:
            raise ValueError(count)
        return found

    def _value(self, at: int, width: int, packed: int) -> float:
        kind = packed >> 2
        if kind in _INDIRECT:
            return self._number(_FORMS[_INDIRECT[kind]][1 << (packed & 3)], self._target(at, width))
        return self._number(_FORMS[kind][width], at)

    def _key(self, at: int) -> str:
        if at < 0:
            raise ValueError(at)
        return self._data[at : self._data.index(0, at)].decode("ascii")

    def _target(self, at: int, width: int) -> int:
        return at - self._unsigned(at, width)

    def _unsigned(self, at: int, width: int) -> int:
        return int(self._number(_FORMS[_UINT][width], at))

    def _number(self, form: str, at: int) -> float:
        if at < 0:
            raise ValueError(at)
        value: float = struct.unpack_from(form, self._data, at)[0]
        return value
