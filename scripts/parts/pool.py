"""Processes that draw, one for each core."""

from __future__ import annotations

import multiprocessing
import os
import signal
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager

import cv2

from edgeinfer.host import available_cores


@contextmanager
def drawing_pool(workers: int | None = None) -> Iterator[ProcessPoolExecutor]:
    """A pool of processes, as many as there are cores unless told; what waits is dropped when the block ends.

    They are started anew, not forked: a forked process waits for OpenCV's threads, which it has not got.
    Each has one thread, for the cores are all taken.
    """
    count = workers or available_cores()
    context = multiprocessing.get_context("spawn")
    pool = ProcessPoolExecutor(count, context, initializer=cv2.setNumThreads, initargs=(1,))
    try:
        with _interrupts_ignored():
            for _ in range(count):
                pool.submit(os.getpid)  # makes the pool start a process
        yield pool
    finally:
        pool.shutdown(cancel_futures=True)


@contextmanager
def _interrupts_ignored() -> Iterator[None]:
    """Processes started here ignore Ctrl-C: it is for the one that waits for the drawings."""
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
