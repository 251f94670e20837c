"""The C library's heap."""

from __future__ import annotations

import ctypes
import sys


def give_back() -> None:
    """Give the memory that is free back to the system, between steps that need it in other sizes.

    glibc keeps whatever lies below the last piece in use, and a hundred megabytes of holes count as much as
    data do. Other C libraries are left alone.
    """
    if sys.platform == "linux":
        trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
        if trim is not None:
            trim(0)
