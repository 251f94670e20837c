"""Stages, and when they are stuck."""

from __future__ import annotations

import pytest

from edgeinfer.daemon.progress import Progress
from tests.fixtures.daemon import ManualTime


def test_waiting_is_never_stuck() -> None:
    clock = ManualTime()
    progress = Progress("capture of door", clock)
    clock.s += 1e6
    assert progress.stuck() is None


def test_a_call_is_stuck_once_it_outlasts_its_limit() -> None:
    clock = ManualTime()
    progress = Progress("capture of door", clock)
    with progress.during("read", 30.0):
        clock.s += 30.0
        assert progress.stuck() is None
        clock.s += 0.5
        stuck = progress.stuck()
        assert stuck is not None
        assert str(stuck) == "capture of door: `read` has taken 30 s"
    assert progress.stuck() is None


def test_each_call_has_its_own_time() -> None:
    clock = ManualTime()
    progress = Progress("inference of door", clock)
    for _ in range(10):
        with progress.during("infer", 5.0):
            clock.s += 4.0
            assert progress.stuck() is None


def test_a_call_that_raises_has_ended() -> None:
    clock = ManualTime()
    progress = Progress("capture of door", clock)
    with pytest.raises(OSError, match="gone"), progress.during("open", 1.0):
        raise OSError("gone")
    clock.s += 100
    assert progress.stuck() is None


def test_a_source_that_may_be_silent_has_no_limit() -> None:
    clock = ManualTime()
    progress = Progress("capture of door", clock)
    with progress.during("read", float("inf")):
        clock.s += 1e9
        assert progress.stuck() is None
