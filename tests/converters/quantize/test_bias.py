"""Empirical bias correction."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgeinfer_converters.quantize import bias
from edgeinfer_converters.quantize.activations import IDENTITY, clamp
from edgeinfer_converters.quantize.bias import Shift, correction, measure_shift

RELU = clamp(0.0, None)


def outputs(samples: int = 8, seed: int = 0) -> list[np.ndarray]:
    rng = np.random.default_rng(seed)
    return [rng.normal(size=(1, 3, 6, 6)).astype(np.float32) for _ in range(samples)]


def test_a_constant_shift_is_found() -> None:
    off = np.array([0.5, -0.25, 0.0], np.float32)
    shifts = [measure_shift(one, one - off[:, None, None], IDENTITY, 1) for one in outputs()]
    np.testing.assert_allclose(correction(shifts), off, atol=1e-6)


def test_what_a_relu_cuts_off_is_no_error() -> None:
    wanted = outputs()
    found = [np.where(one < 0, one - 5, one - 0.1) for one in wanted]
    shifts = [measure_shift(*pair, RELU, 1) for pair in zip(wanted, found, strict=True)]
    np.testing.assert_allclose(correction(shifts), 0.1, atol=0.03)
    plain = [measure_shift(*pair, IDENTITY, 1) for pair in zip(wanted, found, strict=True)]
    assert (correction(plain) > 1).all()


def test_a_channel_that_is_always_cut_off_stays() -> None:
    wanted = [-np.abs(one) - 1 for one in outputs()]
    shifts = [measure_shift(one, one - 0.5, RELU, 1) for one in wanted]
    np.testing.assert_array_equal(correction(shifts), np.zeros(3))


def test_shifts_that_samples_disagree_about_are_left_alone() -> None:
    weight = np.ones(2)
    agreed = [Shift(np.array([1.0, 1.0 + 10 * sign]), weight) for sign in (-1, 1, -1, 1)]
    change = correction(agreed)
    assert change[0] == 1.0
    assert change[1] == 0.0


@given(values=st.lists(st.floats(-1e3, 1e3), min_size=1, max_size=9))
def test_a_correction_is_a_part_of_the_mean(values: list[float]) -> None:
    change = correction([Shift(np.array([value]), np.ones(1)) for value in values])[0]
    mean = float(np.mean(values))
    assert abs(change) <= abs(mean) * (1 + 1e-9) + 1e-9
    assert change * mean >= -1e-9


def test_rows_of_a_matrix_product(monkeypatch: pytest.MonkeyPatch) -> None:
    wanted = np.zeros((1, 4, 3), np.float32)
    found = wanted - np.array([1.0, 2.0, 3.0], np.float32)
    np.testing.assert_allclose(measure_shift(wanted, found, IDENTITY, -1).value, [1, 2, 3])
    monkeypatch.setattr(bias, "MAX_POSITIONS", 2)
    assert measure_shift(wanted, found, IDENTITY, -1).weight.tolist() == [2, 2, 2]
