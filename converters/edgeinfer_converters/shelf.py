"""What is needed again only much later waits on disk, not in memory."""

from __future__ import annotations

import tempfile
import threading
import weakref
from dataclasses import dataclass
from typing import BinaryIO

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
        # An array's bytes through numpy: a memoryview of an empty array cannot be cast.
        view = memoryview(data) if isinstance(data, bytes) else data.reshape(-1).view(np.uint8).data
        with self._lock:
            shelved = Shelved(self, self._end, view.nbytes)
            self._file.seek(self._end)
            while view.nbytes:
                view = view[self._file.write(view) :]  # a single call writes 2 GB at most
            self._end += shelved.size
        return shelved

    def read(self, offset: int, size: int) -> bytes:
        """Some bytes, all of which were put. Raises OSError."""
        parts = []
        with self._lock:
            self._file.seek(offset)
            while size:
                parts.append(self._file.read(size))
                size -= len(parts[-1])
        return parts[0] if len(parts) == 1 else b"".join(parts)


def shelve(data: bytes) -> Shelved:
    """Bytes on a shelf of their own. Raises OSError."""
    return Shelf().put(data)
