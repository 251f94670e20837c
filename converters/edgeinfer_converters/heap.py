"""The C library's heap."""

from __future__ import annotations

import ctypes
import sys
from typing import Any

_TRIM_THRESHOLD, _MMAP_THRESHOLD, _ARENA_MAX = -1, -3, -8  # as in malloc.h
_LARGE_BYTES, _SPARE_BYTES = 2_500_000, 32_000_000


def share() -> None:
    """Let all threads that begin from now on take their memory from one heap, and keep holes out of it.

    glibc gives each a heap of its own, and what one thread leaves free another cannot use: two threads that
    take turns with large arrays would need a hundred megabytes more. Models, matrices and the largest
    activations come from the system one by one, and go back to it; if all activations did, it would take
    half as long again.
    """
    mallopt = _function("mallopt")
    if mallopt is not None:
        mallopt(_ARENA_MAX, 1)
        mallopt(_MMAP_THRESHOLD, _LARGE_BYTES)
        mallopt(_TRIM_THRESHOLD, _SPARE_BYTES)


def give_back() -> None:
    """Give the memory that is free back to the system, between steps that need it in other sizes.

    glibc keeps whatever lies below the last piece in use, and a hundred megabytes of holes count as much as
    data do. Other C libraries are left alone.
    """
    trim = _function("malloc_trim")
    if trim is not None:
        trim(0)


def _function(name: str) -> Any:
    """A function of the C library, None where it is another one."""
    return getattr(ctypes.CDLL(None), name, None) if sys.platform == "linux" else None
