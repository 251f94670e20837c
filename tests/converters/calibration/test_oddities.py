"""What is noticed about calibration data."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgeinfer_converters.calibration.oddities import FAR, Oddities
from edgeinfer_converters.samples.sample import Sample


def seen(*arrays: np.ndarray, passes: int = 1) -> Oddities:
    oddities = Oddities()
    for _ in range(passes):
        samples = [Sample(f"cal.npz, sample {k}", {"x": array}) for k, array in enumerate(arrays)]
        passed = list(oddities.watch(samples))
        assert all(one["x"] is array for one, array in zip(passed, arrays, strict=True))
    return oddities


def normal(count: int) -> list[np.ndarray]:
    return list(np.random.default_rng(0).normal(size=(count, 1, 4)).astype(np.float32))


def test_usual_data_are_not_odd() -> None:
    oddities = seen(*normal(20))
    assert oddities.copies == 0
    assert oddities.outliers() == ()


def test_nothing_was_seen() -> None:
    assert Oddities().copies == 0
    assert Oddities().outliers() == ()


@pytest.mark.parametrize("value", [1e6, -1e6])
def test_the_sample_with_a_value_far_beyond_all_others_is_named(value: float) -> None:
    arrays = normal(20)
    arrays[7][0, 2] = value
    (found,) = seen(*arrays).outliers()
    assert (found.sample, found.tensor, found.peak) == ("cal.npz, sample 7", "x", 1e6)
    assert 0.5 < found.typical < 4


@given(st.lists(st.floats(0.5, 2, width=32), min_size=3, max_size=9), st.floats(1, 1e6, width=32))
def test_far_is_told_from_the_median(peaks: list[float], last: float) -> None:
    found = seen(*(np.array([[one]], np.float32) for one in [*peaks, last])).outliers()
    assert bool(found) == (last > FAR * float(np.median([*peaks, last])))


def test_each_input_is_looked_at_by_itself() -> None:
    oddities = Oddities()
    samples = [
        Sample(f"s{k}", {"a": np.full((1, 2), k + 1, np.float32), "b": np.full((1, 2), k + 1e6, np.float32)})
        for k in range(5)
    ]
    assert len(list(oddities.watch(samples))) == 5
    assert oddities.outliers() == ()


@pytest.mark.parametrize("dtype", [np.float32, np.uint8, np.int64, np.bool_])
def test_copies_of_one_sample_are_counted(dtype: type) -> None:
    assert seen(*[np.ones((1, 3), dtype)] * 5).copies == 5
    assert seen(*[np.ones((1, 3), dtype)] * 5, np.zeros((1, 3), dtype)).copies == 0


def test_a_single_sample_is_no_copy() -> None:
    assert seen(np.ones((1, 3), np.float32)).copies == 0


def test_zeros_of_either_sign_are_the_same() -> None:
    assert seen(np.zeros((1, 3), np.float32), -np.zeros((1, 3), np.float32)).copies == 2


def test_samples_that_pass_again_are_not_counted_again() -> None:
    assert seen(*[np.ones((1, 3), np.float32)] * 5, passes=3).copies == 5


def test_integers_have_no_outliers() -> None:
    """They are indices and flags; nothing is rounded."""
    assert seen(*(np.array([[k]], np.int64) for k in (1, 1, 1, 10**9))).outliers() == ()
