"""One writer at a time."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from edgeinfer.errors import StoreError
from edgeinfer.store.lock import locked

HOLD = """
import sys
from pathlib import Path
from edgeinfer.store.lock import locked
with locked(Path(sys.argv[1])):
    print("held", flush=True)
    sys.stdin.read()
"""


def test_a_second_writer_is_told_to_wait(tmp_path: Path) -> None:
    with locked(tmp_path), pytest.raises(StoreError, match="another program"), locked(tmp_path):
        pass
    with locked(tmp_path):
        pass


def test_an_error_releases_the_lock(tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt), locked(tmp_path):
        raise KeyboardInterrupt
    with locked(tmp_path):
        pass


def test_a_killed_writer_releases_the_lock(tmp_path: Path) -> None:
    command = [sys.executable, "-c", HOLD, str(tmp_path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == b"held\n"
        with pytest.raises(StoreError), locked(tmp_path):
            pass
        os.kill(other.pid, signal.SIGKILL)
        other.wait()
    with locked(tmp_path):
        pass
