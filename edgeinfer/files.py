"""Files appear whole or not at all."""

from __future__ import annotations

import contextlib
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import IO

DEFAULT_MODE = 0o644


@contextlib.contextmanager
def atomic_writer(path: Path, *, mode: int = DEFAULT_MODE) -> Iterator[IO[bytes]]:
    """A binary file that replaces `path` when the block ends well, and leaves nothing behind otherwise.

    The temporary file lies in the same folder; file and folder are synced, so that the new file
    survives a power cut once the block has ended. Raises OSError as the file system gives it.
    """
    descriptor, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    temporary = Path(name)
    try:
        with os.fdopen(descriptor, "wb") as stream:
            yield stream
            stream.flush()
            os.fchmod(stream.fileno(), mode)
            os.fsync(stream.fileno())
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    sync_folder(path.parent)


def write_atomically(path: Path, data: bytes, *, mode: int = DEFAULT_MODE) -> None:
    """Write a small file whole; see `atomic_writer`."""
    with atomic_writer(path, mode=mode) as stream:
        stream.write(data)


def sync_folder(folder: Path) -> None:
    """Make names that were created, renamed or removed in a folder survive a power cut."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
