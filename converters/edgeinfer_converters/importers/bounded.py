"""Reading a file that someone else made: a regular file of a bounded size, or a clear error."""

from __future__ import annotations

import os
import stat
from pathlib import Path

from edgeinfer.errors import ModelError

MAX_MODEL_BYTES = 2**31 - 1
"""What a protobuf message may hold, and a TFLite flatbuffer address."""


def read_bounded(path: Path, *, limit_bytes: int = MAX_MODEL_BYTES) -> bytes:
    """The whole of a regular file that is not empty.

    Raises ModelError: no such file, a folder or device, not readable, empty, over the limit.
    """
    descriptor = _open(path)
    try:
        _check(os.fstat(descriptor), path, limit_bytes)
        with os.fdopen(descriptor, "rb", closefd=False) as stream:
            return stream.read(limit_bytes)
    finally:
        os.close(descriptor)


def _check(status: os.stat_result, path: Path, limit_bytes: int) -> None:
    if stat.S_ISDIR(status.st_mode):
        raise ModelError(f"{path} is a folder, not a model file", hint="name the file inside it")
    if not stat.S_ISREG(status.st_mode):
        raise ModelError(f"{path} is not a regular file", hint="copy the model into a file")
    if not status.st_size:
        raise ModelError(f"{path} is empty", hint="export or download the model again")
    if status.st_size > limit_bytes:
        raise ModelError(
            f"{path} has {status.st_size} bytes; {limit_bytes} is the most that a model may have",
            hint="an edge device cannot hold it: export a smaller model",
        )


def _open(path: Path) -> int:
    # Without O_NONBLOCK a named pipe would wait for a writer.
    try:
        return os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except FileNotFoundError as error:
        raise ModelError(f"no such model file: {path}", hint="check the path") from error
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else str(error)
        raise ModelError(f"{path} cannot be read: {reason}", hint="check its permissions") from error
