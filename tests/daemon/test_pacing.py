"""Rules without threads: pace, backoff, saying things occasionally."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tenacity import RetryCallState, Retrying

from edgeinfer.daemon.pacing import (
    FIRST_WAIT_S,
    LONGEST_WAIT_S,
    BackoffSinceProgress,
    Occasionally,
    Pacer,
)


def test_without_a_limit_nothing_waits() -> None:
    pacer = Pacer(None)
    for now_s in (0.0, 0.0, 0.001):
        assert pacer.delay_s(now_s) == 0.0
        pacer.taken(now_s)


def test_the_grid_is_steady_although_work_takes_time() -> None:
    pacer = Pacer(10.0)
    now_s, taken = 100.0, []
    for _ in range(50):
        now_s += pacer.delay_s(now_s)
        pacer.taken(now_s)
        taken.append(now_s)
        now_s += 0.03
    gaps = [later - earlier for earlier, later in itertools.pairwise(taken)]
    assert gaps == pytest.approx([0.1] * 49)


@given(
    st.floats(0.1, 100.0),
    st.lists(st.floats(0.0, 3.0), min_size=2, max_size=60),
)
def test_no_more_frames_than_allowed_whatever_happens(max_fps: float, work_s: list[float]) -> None:
    pacer = Pacer(max_fps)
    now_s, taken = 0.0, []
    for duration_s in work_s:
        now_s += pacer.delay_s(now_s)
        pacer.taken(now_s)
        taken.append(now_s)
        now_s += duration_s
    allowed = (taken[-1] - taken[0]) * max_fps + 2
    assert len(taken) <= allowed + 1e-6


def test_lost_time_is_not_made_up_for() -> None:
    pacer = Pacer(10.0)
    pacer.taken(0.0)
    pacer.taken(60.0)
    assert pacer.delay_s(60.0) == pytest.approx(0.1)


def waits(progress: list[bool]) -> list[float]:
    remaining = iter(progress)
    backoff = BackoffSinceProgress(lambda: next(remaining), jitter_s=0.0)
    state = RetryCallState(Retrying(), None, (), {})
    found = []
    for _ in progress:
        found.append(backoff(state))
        state.prepare_for_next_attempt()
    return found


def test_the_wait_doubles_up_to_a_limit() -> None:
    found = waits([False] * 10)
    assert found[:4] == [FIRST_WAIT_S, 2 * FIRST_WAIT_S, 4 * FIRST_WAIT_S, 8 * FIRST_WAIT_S]
    assert found[-1] == LONGEST_WAIT_S


def test_a_source_that_gave_frames_starts_afresh() -> None:
    assert waits([False, False, False, True, False]) == [0.5, 1.0, 2.0, 0.5, 1.0]


def test_jitter_keeps_devices_apart() -> None:
    state = RetryCallState(Retrying(), None, (), {})
    found = {BackoffSinceProgress(lambda: False)(state) for _ in range(20)}
    assert len(found) > 1
    assert all(FIRST_WAIT_S <= one <= FIRST_WAIT_S + 0.25 for one in found)


def test_something_is_said_at_most_once_an_interval() -> None:
    complaints = Occasionally(60.0)
    assert complaints.due(0.0) == 0
    assert [complaints.due(second) for second in (1.0, 2.0, 59.9)] == [None, None, None]
    assert complaints.due(60.0) == 3
    assert complaints.due(120.0) == 0
