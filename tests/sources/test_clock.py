"""Clocks and pacing."""

from __future__ import annotations

import time
from datetime import timezone
from threading import Event

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgeinfer.sources.clock import Pace, SystemClock
from edgeinfer.sources.fake import EPOCH, ManualClock


def test_the_system_clock_gives_utc_and_monotonic_time() -> None:
    before = time.monotonic()
    moment = SystemClock().moment()
    assert moment.at.tzinfo is timezone.utc
    assert before <= moment.s <= time.monotonic()


def test_the_system_clock_does_not_wait_once_stopped() -> None:
    stop = Event()
    stop.set()
    before = time.monotonic()
    SystemClock().wait(3600, stop)
    SystemClock().wait(-1, Event())
    assert time.monotonic() - before < 60


def test_the_first_turn_comes_at_once_and_the_next_one_period_apart() -> None:
    clock = ManualClock()
    pace = Pace(clock, 10.0, Event())
    for _ in range(4):
        pace.keep()
    assert clock.waits_s == pytest.approx([0.1, 0.1, 0.1])


def test_time_spent_between_turns_counts() -> None:
    clock = ManualClock()
    pace = Pace(clock, 10.0, Event())
    pace.keep()
    clock.advance(0.075)
    pace.keep()
    assert clock.waits_s == pytest.approx([0.025])


def test_a_late_reader_is_not_held_and_does_not_rush_to_catch_up() -> None:
    clock = ManualClock()
    pace = Pace(clock, 10.0, Event())
    pace.keep()
    clock.advance(100.0)
    pace.keep()
    assert clock.waits_s == []
    for _ in range(3):
        pace.keep()
    assert len(clock.waits_s) == 2


@given(st.floats(0.1, 1000.0), st.lists(st.floats(0.0, 10.0), max_size=30))
def test_turns_never_come_faster_than_the_rate_by_more_than_one(rate_hz: float, gaps_s: list[float]) -> None:
    clock = ManualClock()
    pace = Pace(clock, rate_hz, Event())
    start_s = clock.moment().s
    pace.keep()
    for turn, gap_s in enumerate(gaps_s, start=1):
        clock.advance(gap_s)
        pace.keep()
        assert clock.moment().s - start_s >= (turn - 1) / rate_hz - 1e-6


def test_the_manual_clock_moves_both_times_together() -> None:
    clock = ManualClock()
    clock.wait(2.0, Event())
    clock.advance(1.5)
    moment = clock.moment()
    assert ((moment.at - EPOCH).total_seconds(), moment.s) == (3.5, 3.5)
    assert clock.waits_s == [2.0]


def test_the_manual_clock_does_not_wait_once_stopped() -> None:
    clock, stop = ManualClock(), Event()
    stop.set()
    clock.wait(2.0, stop)
    assert clock.moment().s == 0.0
