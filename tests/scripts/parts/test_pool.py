"""Drawing in several processes."""

from __future__ import annotations

import multiprocessing
import os
import signal
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest

from scripts.parts import pool as pool_module
from scripts.parts.draw import draw
from scripts.parts.pool import drawing_pool


def state_of_a_worker(_: int) -> tuple[int, bool, int]:
    return os.getpid(), signal.getsignal(signal.SIGINT) == signal.SIG_IGN, cv2.getNumThreads()


def leave_a_trace(path: Path) -> None:
    path.write_bytes(b"")


def test_workers_leave_ctrl_c_to_their_parent_and_do_not_share_a_core() -> None:
    with drawing_pool(1) as pool:
        pid, ignores_interrupts, threads = pool.submit(state_of_a_worker, 0).result()
    assert pid != os.getpid()
    assert ignores_interrupts
    assert threads == 1
    assert signal.getsignal(signal.SIGINT) != signal.SIG_IGN


def test_there_is_a_worker_for_each_core(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pool_module, "available_cores", lambda: 2)
    with drawing_pool() as pool:
        before = {process.pid for process in multiprocessing.active_children()}
        assert len(before) == 2
        assert pool.submit(state_of_a_worker, 0).result()[0] in before
    assert not multiprocessing.active_children()


def test_opencv_has_had_threads_before() -> None:
    cv2.setNumThreads(2)
    cv2.GaussianBlur(np.zeros((2000, 2000), np.float32), (0, 0), 3)
    with drawing_pool(1) as pool:
        assert pool.submit(state_of_a_worker, 0).result(timeout=60)[2] == 1


def test_an_interrupt_drops_what_waits(tmp_path: Path) -> None:
    paths = [tmp_path / str(number) for number in range(500)]

    def interrupted() -> Iterator[None]:
        with drawing_pool(1) as pool:
            results = pool.map(leave_a_trace, paths)
            yield next(results)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        list(interrupted())
    assert 1 <= len(list(tmp_path.iterdir())) < len(paths)


def test_a_worker_draws_the_very_same_picture() -> None:
    with drawing_pool(1) as pool:
        image, label = pool.submit(draw, "evaluate", 5).result()
    here, label_here = draw("evaluate", 5)
    assert label == label_here
    assert np.array_equal(image, here)
