"""The process in which onnxslim works on large models.

It can be started before anything else: it imports for a second, while this process does the same.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

PROGRAM = Path(__file__).with_name("slim.py")
SMALL_BYTES = 1_000_000
"""From here on a process of its own is worth its third of a second: onnxslim and the algebra system that it
imports take 40 MB, and it keeps three copies of the model that it worked on."""

_waiting: list[subprocess.Popen[bytes]] = []


@contextmanager
def started_for(path: Path) -> Iterator[None]:
    """A process that waits for the model in this file, if it will need one; it ends here if nobody came."""
    if path.suffix.lower() == ".onnx" and path.is_file() and path.stat().st_size >= SMALL_BYTES:
        _waiting.append(_start())
    try:
        yield
    finally:
        while _waiting:
            _end(_waiting.pop())


def slim_apart(model: bytes) -> tuple[int, bytes, str]:
    """The exit code, the cleaned model, and the last line of what it said. Raises OSError."""
    process = _waiting.pop() if _waiting else _start()
    try:
        answer, said = process.communicate(model)
    except BaseException:  # Ctrl-C, too: it must not go on alone
        _end(process)
        raise
    return process.returncode, answer, said.decode(errors="replace").strip().rpartition("\n")[2]


def _start() -> subprocess.Popen[bytes]:
    pipe = subprocess.PIPE
    return subprocess.Popen([sys.executable, "-P", PROGRAM], stdin=pipe, stdout=pipe, stderr=pipe)


def _end(process: subprocess.Popen[bytes]) -> None:
    process.kill()
    process.communicate()
