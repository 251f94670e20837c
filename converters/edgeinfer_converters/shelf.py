"""What is needed again only much later waits on disk, not in memory."""

from __future__ import annotations

import errno
import math
import tempfile
import threading
import weakref
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, BinaryIO, Protocol

import numpy as np

from edgeinfer.frames import Array


@dataclass(frozen=True)
class Shelved:
    """Bytes on a shelf. They stay there as long as this object does."""

    shelf: Shelf
    offset: int
    size: int

    def read(self) -> bytes:
        """The bytes. Raises OSError."""
        return self.shelf.read(self.offset, self.size)


class Shelf:
    """A temporary file without a name: it is gone when nobody holds what lies on it, or the process ends.

    Several threads may put and read.
    """

    def __init__(self) -> None:
        """Raises OSError."""
        self._file: BinaryIO = tempfile.TemporaryFile(prefix="edgeinfer-", buffering=0)  # noqa: SIM115
        self._end = 0
        self._lock = threading.Lock()
        weakref.finalize(self, self._file.close)

    def put(self, data: bytes | Array) -> Shelved:
        """Write bytes, or those of a contiguous array, behind what is there. Raises OSError."""
        view = _bytes_of(data)
        with self._lock:
            shelved = Shelved(self, self._end, view.nbytes)
            self._write(view, self._end)
            self._end += shelved.size
        return shelved

    def reserve(self, size: int) -> Shelved:
        """Zeros, which may be replaced. Raises OSError."""
        with self._lock:
            shelved = Shelved(self, self._end, size)
            self._end += size
            self._file.truncate(self._end)
        return shelved

    def replace(self, offset: int, data: bytes | Array) -> None:
        """Other bytes in the place of some that were put or reserved. Raises OSError."""
        view = _bytes_of(data)
        if not 0 <= offset <= self._end - view.nbytes:
            raise ValueError("nothing lies there")
        with self._lock:
            self._write(view, offset)

    def read(self, offset: int, size: int) -> bytes:
        """Some bytes, all of which were put. Raises OSError."""
        parts = []
        with self._lock:
            self._file.seek(offset)
            while size:
                parts.append(self._file.read(size))
                if not parts[-1]:
                    raise OSError("a temporary file is shorter than what was written to it")
                size -= len(parts[-1])
        return parts[0] if len(parts) == 1 else b"".join(parts)

    def _write(self, view: memoryview, offset: int) -> None:
        self._file.seek(offset)
        with told_where():
            while view.nbytes:
                view = view[self._file.write(view) :]  # a single call writes 2 GB at most


@contextmanager
def told_where() -> Iterator[None]:
    """Let an OSError for want of room name the folder of temporary files: nobody chose it in this program."""
    try:
        yield
    except OSError as error:
        if error.errno not in (errno.EDQUOT, errno.EFBIG, errno.ENOSPC):
            raise
        folder = tempfile.gettempdir()
        why = f"no room for temporary files in {folder} ({error.strerror}): TMPDIR can name another folder"
        raise OSError(error.errno, why) from error


class KeptArray(Protocol):
    """An array of zeros at first, in memory or on a shelf, that is changed where it lies."""

    shape: tuple[int, ...]
    dtype: np.dtype[Any]

    def read(self, count: int | None = None) -> Array:
        """The first `count` rows, or all of them, not to be changed. Raises OSError."""

    def write(self, rows: Array, start: int = 0) -> None:
        """Replace the rows from `start` on. Raises OSError, ValueError for rows that do not fit."""

    def add(self, other: Array) -> None:
        """Add an array of this shape. Raises OSError."""


def kept(shape: tuple[int, ...], dtype: str, shelf: Shelf | None) -> KeptArray:
    """An array in memory, or on a shelf if one is given. Raises OSError."""
    return HeldArray(shape, dtype) if shelf is None else ShelvedArray(shelf, shape, dtype)


class HeldArray:
    """A `KeptArray` in memory."""

    def __init__(self, shape: tuple[int, ...], dtype: str) -> None:
        self._array = np.zeros(shape, dtype)
        self.shape, self.dtype = self._array.shape, self._array.dtype

    def read(self, count: int | None = None) -> Array:
        """As any kept array."""
        return self._array[:count]

    def write(self, rows: Array, start: int = 0) -> None:
        """As any kept array."""
        _check(self, rows, start)
        self._array[start : start + len(rows)] = rows

    def add(self, other: Array) -> None:
        """As any kept array."""
        np.add(self._array, other, out=self._array)


class ShelvedArray:
    """A `KeptArray` on a shelf."""

    def __init__(self, shelf: Shelf, shape: tuple[int, ...], dtype: str) -> None:
        """Raises OSError."""
        self.shape, self.dtype = shape, np.dtype(dtype)
        self._shelved = shelf.reserve(math.prod(shape) * self.dtype.itemsize)

    def read(self, count: int | None = None) -> Array:
        """As any kept array."""
        rows = self.shape[0]
        shape = (rows if count is None else min(count, rows), *self.shape[1:])
        size = math.prod(shape) * self.dtype.itemsize
        data = self._shelved.shelf.read(self._shelved.offset, size)
        return np.frombuffer(data, self.dtype).reshape(shape)

    def write(self, rows: Array, start: int = 0) -> None:
        """As any kept array."""
        _check(self, rows, start)
        offset = self._shelved.offset + start * math.prod(self.shape[1:]) * self.dtype.itemsize
        self._shelved.shelf.replace(offset, np.ascontiguousarray(rows))

    def add(self, other: Array) -> None:
        """As any kept array."""
        self.write(self.read() + other)


def _check(array: KeptArray, rows: Array, start: int) -> None:
    fits = rows.ndim > 0 and rows.shape[1:] == array.shape[1:] and rows.dtype == array.dtype
    if not fits or not 0 <= start <= array.shape[0] - len(rows):
        raise ValueError("rows that do not fit")


class ReadLater(Mapping[str, Any]):
    """Arrays by name, each read when it is asked for and not kept."""

    def __init__(self, readers: Mapping[str, Callable[[], Array]]) -> None:
        self._readers = readers

    def __getitem__(self, name: str) -> Array:
        return self._readers[name]()

    def __iter__(self) -> Iterator[str]:
        return iter(self._readers)

    def __len__(self) -> int:
        return len(self._readers)


def put_aside(arrays: Mapping[str, Array], shelf: Shelf) -> ReadLater:
    """The same arrays, on a shelf. Raises OSError."""
    return ReadLater({name: _reader(array, shelf) for name, array in arrays.items()})


def _reader(array: Array, shelf: Shelf) -> Callable[[], Array]:
    shelved, dtype, shape = shelf.put(np.ascontiguousarray(array)), array.dtype, array.shape
    return lambda: np.frombuffer(shelved.read(), dtype).reshape(shape)


def _bytes_of(data: bytes | Array) -> memoryview:
    # An array's bytes through numpy: a memoryview of an empty array cannot be cast.
    return memoryview(data) if isinstance(data, bytes) else data.reshape(-1).view(np.uint8).data


def shelve(data: bytes) -> Shelved:
    """Bytes on a shelf of their own. Raises OSError."""
    return Shelf().put(data)
