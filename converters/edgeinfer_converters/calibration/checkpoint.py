"""A checkpoint on disk: how far a pass over calibration samples has come, and what it knows by then.

A .npz without pickles and without compression, in a folder that only its owner reads. The file's name is the
key, a SHA-256 of the graph and of all that computes with it; the file says which samples were seen. It is
believed only when all that fits: members are read no further than their headers before type and size are
known to be possible.
The law: `read()` after `write(saved)` is `saved`; a file of another version has another key.
"""

from __future__ import annotations

import contextlib
import hashlib
import itertools
import math
import os
import stat
import zipfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import numpy as np
import onnx

from edgeinfer.files import atomic_writer
from edgeinfer.frames import Array
from edgeinfer.host import detect_host
from edgeinfer_converters.graph.weights import with_initializers
from edgeinfer_converters.tools import tool_versions

VERSION = 5
MAX_BYTES = 512_000_000
"""Of one checkpoint. What is larger is not written: the disk may be an SD card."""

MAX_FILES = 4
"""Checkpoints in the folder; the oldest ones, which nobody came back for, make room."""

_FORMAT = (1, 0)
_PREFIX = "calibration-"
_COUNT, _DIGEST, _ARRAYS = "count", "digest", "arrays"
_DIGEST_BYTES = hashlib.sha256().digest_size
_UNREADABLE = (
    EOFError,
    NotImplementedError,
    OSError,  # wrong offsets
    OverflowError,
    RuntimeError,
    ValueError,
    zipfile.BadZipFile,
)
"""What zipfile and numpy raise for files that they cannot make sense of."""


@dataclass(frozen=True)
class Saved:
    """`count` samples were seen; `digest` is the SHA-256 over them, `arrays` what was learnt, by name."""

    count: int
    digest: bytes
    arrays: Mapping[str, Array]


class DamagedError(Exception):
    """A file that is no checkpoint. Never leaves this program: the work is done anew."""


def key_of(model: onnx.ModelProto, samples: int) -> str:
    """SHA-256 over a graph and everything that its numbers depend on besides the samples themselves.

    Their number counts: the more there are, the less of each is looked at.
    """
    host = detect_host()
    total = hashlib.sha256()
    features = sorted(host.features)
    about = (VERSION, sorted(tool_versions().items()), host.architecture, features, host.python, samples)
    total.update(repr(about).encode())
    # Weights one by one: the whole, serialized, would be in memory once more.
    for part in (with_initializers(model), *model.graph.initializer):
        data = part.SerializeToString(deterministic=True)
        total.update(len(data).to_bytes(8, "little"))
        total.update(data)
    return total.hexdigest()


class Checkpoint:
    """The place of one checkpoint in a folder, which need not be there yet."""

    def __init__(self, folder: Path, key: str) -> None:
        self.path = folder / f"{_PREFIX}{key}.npz"

    def write(self, saved: Saved) -> bool:
        """Replace what is there; False if it would be too large. Raises OSError."""
        head: dict[str, Array] = {
            _COUNT: np.array(saved.count, np.int64),
            _DIGEST: np.frombuffer(saved.digest, np.uint8),
            # Damage to the end of an archive's directory only shortens it.
            _ARRAYS: np.array(len(saved.arrays), np.int64),
        }
        # One by one: together they may take more than all the rest.
        if sum(array.nbytes for array in itertools.chain(head.values(), saved.arrays.values())) > MAX_BYTES:
            return False
        self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with atomic_writer(self.path, mode=0o600) as stream, zipfile.ZipFile(stream, "w") as archive:
            for name, array in itertools.chain(head.items(), saved.arrays.items()):
                with archive.open(f"{name}.npy", "w", force_zip64=True) as member:
                    np.lib.format.write_array(member, array, _FORMAT, allow_pickle=False)
        self._make_room()
        return True

    def read(self) -> Saved | None:
        """What is there; None if there is nothing. Raises OSError, and DamagedError for anything else."""
        with contextlib.suppress(FileNotFoundError), _opened(self.path) as stream:
            return _read(stream)
        return None

    def remove(self) -> None:
        """Leave nothing. Raises OSError."""
        self.path.unlink(missing_ok=True)

    def _make_room(self) -> None:
        # Temporary files of processes that were killed count too; one that is being written is new.
        found = [(_changed_ns(path), path) for path in self.path.parent.glob(f"*{_PREFIX}*.npz*")]
        for _, path in sorted(found, reverse=True)[MAX_FILES:]:
            path.unlink(missing_ok=True)


def _changed_ns(path: Path) -> int:
    try:
        return path.stat(follow_symlinks=False).st_mtime_ns
    except FileNotFoundError:  # by another process, just now
        return 0


@contextlib.contextmanager
def _opened(path: Path) -> Iterator[IO[bytes]]:
    """A regular file of a possible size: opening waits for no writer, and follows no link."""
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_CLOEXEC)
    with os.fdopen(descriptor, "rb") as stream:
        found = os.fstat(descriptor)
        if not stat.S_ISREG(found.st_mode) or found.st_size > 2 * MAX_BYTES:
            raise DamagedError("no file of a possible size")
        yield stream


def _read(stream: IO[bytes]) -> Saved:
    try:
        size = os.fstat(stream.fileno()).st_size
        with zipfile.ZipFile(stream) as archive:
            arrays = {name: _array(archive, one) for name, one in _members(archive, size).items()}
    except _UNREADABLE as error:
        raise DamagedError(str(error)) from error
    count, written = (_number(arrays.pop(name, None)) for name in (_COUNT, _ARRAYS))
    digest = arrays.pop(_DIGEST, None)
    if count < 1:
        raise DamagedError("no number of samples")
    if digest is None or digest.dtype != np.uint8 or digest.shape != (_DIGEST_BYTES,):
        raise DamagedError("no digest of the samples")
    if written != len(arrays):
        raise DamagedError("not all of the arrays")
    return Saved(count, digest.tobytes(), arrays)


def _number(array: Array | None) -> int:
    """A whole number; -1 for anything else."""
    return -1 if array is None or array.dtype != np.int64 or array.shape != () else int(array)


def _members(archive: zipfile.ZipFile, size: int) -> dict[str, zipfile.ZipInfo]:
    members = {one.filename.removesuffix(".npy"): one for one in archive.infolist()}
    if len(members) != len(archive.infolist()):
        raise DamagedError("a name twice")
    if any(one.compress_type != zipfile.ZIP_STORED for one in members.values()):
        raise DamagedError("it is compressed")
    if sum(one.file_size for one in members.values()) > size:
        raise DamagedError("its parts are larger than the whole")
    return members


def _array(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> Array:
    """An array that is as large as its header says."""
    with archive.open(member) as stream:
        if np.lib.format.read_magic(stream) != _FORMAT:
            raise DamagedError("another form of arrays")
        shape, _, dtype = np.lib.format.read_array_header_1_0(stream)
        size = math.prod(shape) * dtype.itemsize
        if dtype.hasobject or size != member.file_size - stream.tell():
            raise DamagedError("an array of another size than its header says")
    with archive.open(member) as stream:
        array: Array = np.lib.format.read_array(stream, allow_pickle=False)
        stream.read()  # to the end: then the checksum is compared
    return array
