"""When a sign of life is sent."""

from __future__ import annotations

import logging

import pytest

from edgeinfer.daemon.progress import Stuck
from edgeinfer.daemon.watchdog import Watchdog

STUCK = Stuck("inference of door", "infer", 31.0)


def test_a_sign_of_life_each_interval() -> None:
    watchdog = Watchdog(15.0)
    assert [watchdog.is_due(now_s, []) for now_s in (0.0, 0.25, 14.9, 15.0, 15.25, 30.1)] == [
        True,
        False,
        False,
        True,
        False,
        True,
    ]


def test_nothing_is_sent_where_nobody_watches() -> None:
    assert not Watchdog(None).is_due(0.0, [])


def test_a_stuck_stage_stops_the_signs(caplog: pytest.LogCaptureFixture) -> None:
    watchdog = Watchdog(15.0)
    assert not any(watchdog.is_due(float(now_s), [STUCK]) for now_s in range(0, 59))
    assert [one.levelno for one in caplog.records] == [logging.CRITICAL]
    assert "inference of door: `infer` has taken 31 s; systemd will restart" in caplog.text


def test_a_stage_that_moves_again_brings_them_back() -> None:
    watchdog = Watchdog(15.0)
    assert not watchdog.is_due(0.0, [STUCK])
    assert watchdog.is_due(1.0, [])


def test_without_systemd_the_complaint_is_made_all_the_same(caplog: pytest.LogCaptureFixture) -> None:
    assert not Watchdog(None).is_due(0.0, [STUCK])
    assert "restart the daemon" in caplog.text
