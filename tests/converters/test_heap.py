"""Giving memory back."""

from __future__ import annotations

import ctypes
import subprocess
import sys

import pytest

from edgeinfer_converters.heap import give_back, share

SCRIPT = """
import pathlib
from edgeinfer_converters.heap import give_back

def resident():
    return int(pathlib.Path("/proc/self/statm").read_text().split()[1])

# Blocks below the size that glibc asks the system for one by one; the last one keeps the heap's end in use.
blocks = [b"x" * 100_000 for _ in range(1000)]
last = blocks.pop()
blocks.clear()
before = resident()
give_back()
print(before - resident())
"""


SHARING = """
import pathlib
import threading
from edgeinfer_converters.heap import share

def resident():
    return int(pathlib.Path("/proc/self/statm").read_text().split()[1])

def use():
    blocks = [b"x" * 100_000 for _ in range(1000)]
    kept.append(blocks.pop())  # the end of the heap stays in use

kept = []
share()
one = threading.Thread(target=use)
one.start()
one.join()
before = resident()
use()
print(resident() - before)
"""

only_glibc = pytest.mark.skipif(
    not hasattr(ctypes.CDLL(None), "malloc_trim"), reason="the C library is not glibc"
)


@only_glibc
def test_what_one_thread_leaves_another_uses() -> None:
    done = subprocess.run([sys.executable, "-c", SHARING], capture_output=True, text=True, check=True)
    assert int(done.stdout) * 4096 < 20_000_000


@only_glibc
def test_holes_go_back_to_the_system() -> None:
    done = subprocess.run([sys.executable, "-c", SCRIPT], capture_output=True, text=True, check=True)
    assert int(done.stdout) * 4096 > 50_000_000


@pytest.mark.parametrize("platform", ["linux", "win32"])
def test_other_c_libraries_are_left_alone(platform: str, monkeypatch: pytest.MonkeyPatch) -> None:
    opened: list[object] = []

    def library(name: object) -> object:
        opened.append(name)
        return object()  # without malloc_trim, as musl is

    monkeypatch.setattr(sys, "platform", platform)
    monkeypatch.setattr(ctypes, "CDLL", library)
    give_back()
    share()
    assert opened == ([None, None] if platform == "linux" else [])
