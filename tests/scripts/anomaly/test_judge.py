"""Counting found anomalies and false alarms."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from scripts.anomaly.judge import Judgement, judge


def _marks(text: str) -> np.ndarray:
    return np.array([letter == "x" for letter in text], bool)


def test_found_missed_and_false() -> None:
    # Windows of 4 rows, every 2: 0-3, 2-5, 4-7, 6-9, 8-11, 10-13, 12-15.
    marked = _marks("......xx......x.")
    assert judge(_marks("x.x...."), marked, 4, 2) == Judgement(
        found=1,
        stretches=2,
        true_windows=1,
        anomalous_windows=3,
        false_windows=1,
        normal_windows=4,
        alarms=1,
    )


def test_a_window_that_overlaps_two_stretches_finds_both() -> None:
    assert judge(_marks("x"), _marks("x..x"), 4, 1).found == 2


def test_neighbouring_false_windows_are_one_alarm() -> None:
    judgement = judge(_marks("xx.xx"), _marks("." * 8), 4, 1)
    assert (judgement.false_windows, judgement.alarms, judgement.stretches) == (4, 2, 0)


def test_it_reads_as_sentences() -> None:
    assert str(judge(_marks("x.x...."), _marks("......xx......x."), 4, 2)) == (
        "1 of 2 anomalies found, by 1 of 3 windows in them\n1 false alarms, 1 of 4 normal windows"
    )


@given(
    st.lists(st.booleans(), min_size=12, max_size=60),
    st.integers(1, 8),
    st.integers(1, 5),
    st.integers(0, 2**32 - 1),
)
def test_counts_stay_within_their_totals(marks: list[bool], length: int, stride: int, seed: int) -> None:
    windows = (len(marks) - length) // stride + 1
    rng = np.random.default_rng(seed)
    judgement = judge(rng.random(windows) < 0.5, np.array(marks, bool), length, stride)
    assert 0 <= judgement.found <= judgement.stretches
    assert 0 <= judgement.alarms <= judgement.false_windows <= judgement.normal_windows
    assert 0 <= judgement.true_windows <= judgement.anomalous_windows
    assert judgement.anomalous_windows + judgement.normal_windows == windows


@given(st.lists(st.booleans(), min_size=8, max_size=60))
def test_reporting_everything_finds_everything(marks: list[bool]) -> None:
    marked = np.array(marks, bool)
    judgement = judge(np.ones(len(marks) - 3, bool), marked, 4, 1)
    assert judgement.found == judgement.stretches
    assert judgement.false_windows == judgement.normal_windows
