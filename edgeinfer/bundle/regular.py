"""Opening and creating regular files below a folder, without following a symbolic link on the way."""

from __future__ import annotations

import contextlib
import os
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from edgeinfer.errors import FormatError

FILE_MODE = 0o644
FOLDER_MODE = 0o755

# O_NONBLOCK: opening a FIFO must not wait for a writer; for regular files it means nothing.
_READ = os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK
_CREATE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC


def open_regular(path: Path) -> BinaryIO:
    """Open a regular file for reading; the path itself may be a symbolic link."""
    return _check_regular(os.open(path, _READ), str(path))


def open_member(root: Path, path: str) -> BinaryIO:
    """Open the member `path` (at most one folder level) below `root`, where nothing may be a link."""
    with _folder_of(root, path) as (folder, name):
        return _check_regular(os.open(name, _READ | os.O_NOFOLLOW, dir_fd=folder), path)


@contextlib.contextmanager
def new_member(root: Path, path: str, *, mode: int = FILE_MODE) -> Iterator[BinaryIO]:
    """A new file `path` below `root`, synced at the end; its folder is made and synced where needed."""
    with _folder_of(root, path, create=True) as (folder, name):
        descriptor = os.open(name, _CREATE, mode, dir_fd=folder)
        with os.fdopen(descriptor, "wb") as stream:
            yield stream
            stream.flush()
            os.fchmod(stream.fileno(), mode)
            os.fsync(stream.fileno())
        os.fsync(folder)


@contextlib.contextmanager
def _folder_of(root: Path, path: str, *, create: bool = False) -> Iterator[tuple[int, str]]:
    top, _, name = path.rpartition("/")
    with contextlib.ExitStack() as stack:
        folder = os.open(root, _FOLDER)
        stack.callback(os.close, folder)
        if top:
            made = create and _make_folder(folder, top)
            folder = os.open(top, _FOLDER | os.O_NOFOLLOW, dir_fd=folder)
            stack.callback(os.close, folder)
            if made:
                os.fchmod(folder, FOLDER_MODE)  # whatever the umask says
        yield folder, name


def _make_folder(parent: int, name: str) -> bool:
    """Make a folder that lasts; False where it is there already."""
    try:
        os.mkdir(name, FOLDER_MODE, dir_fd=parent)
    except FileExistsError:
        return False
    os.fsync(parent)
    return True


def _check_regular(descriptor: int, name: str) -> BinaryIO:
    stream = os.fdopen(descriptor, "rb")
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        stream.close()
        raise FormatError(f"`{name}` is not a regular file")
    return stream
