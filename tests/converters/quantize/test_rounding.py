"""Second-order rounding."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edgeinfer_converters.quantize.rounding import output_error, round_to_output


def layer(groups: int = 1, outputs: int = 6, width: int = 24, *, mixing: float = 1.0, seed: int = 0) -> tuple:
    """Weights, the Gram matrix of inputs that depend on each other as `mixing` says, and scales."""
    rng = np.random.default_rng(seed)
    common = rng.normal(size=(groups, 400, 1))
    columns = rng.normal(size=(groups, 400, width)) + mixing * common * rng.normal(size=(groups, 1, width))
    weights = rng.normal(size=(groups, outputs, width))
    grams = columns.transpose(0, 2, 1) @ columns / 400
    return weights, grams, np.abs(weights).max(axis=2) / 7


def nearest(weights: np.ndarray, scales: np.ndarray, bound: int = 7) -> np.ndarray:
    return np.clip(np.rint(weights / scales[:, :, None]), -bound, bound)


def test_inputs_that_go_together_share_the_errors() -> None:
    weights, grams, scales = layer(mixing=3.0)
    stored = round_to_output(weights, grams, scales, bound=7)
    error = output_error(weights, stored * scales[:, :, None], grams).sum()
    plain = output_error(weights, nearest(weights, scales) * scales[:, :, None], grams).sum()
    assert error < plain / 4


@pytest.mark.parametrize("width", [1, 9, 63, 64, 65, 150])
def test_blocks_do_not_change_the_result(width: int, monkeypatch: pytest.MonkeyPatch) -> None:
    weights, grams, scales = layer(width=width, mixing=2.0)
    in_blocks = round_to_output(weights, grams, scales, bound=7)
    monkeypatch.setattr("edgeinfer_converters.quantize.rounding._BLOCK", 7)
    assert (round_to_output(weights, grams, scales, bound=7) != in_blocks).mean() < 0.01


def test_groups_are_rounded_by_themselves() -> None:
    weights, grams, scales = layer(groups=3)
    together = round_to_output(weights, grams, scales, bound=7)
    for group in range(3):
        only = slice(group, group + 1)
        np.testing.assert_array_equal(
            together[only], round_to_output(weights[only], grams[only], scales[only], bound=7)
        )


def test_independent_inputs_are_rounded_to_nearest() -> None:
    weights, _, scales = layer()
    grams = np.eye(24)[None] * np.linspace(1, 5, 24)
    np.testing.assert_array_equal(round_to_output(weights, grams, scales, bound=7), nearest(weights, scales))


def test_inputs_that_were_never_seen_are_rounded_to_nearest() -> None:
    weights, grams, scales = layer(mixing=2.0)
    grams[:, 5], grams[:, :, 5] = 0, 0
    stored = round_to_output(weights, grams, scales, bound=7)
    np.testing.assert_array_equal(stored[:, :, 5], nearest(weights, scales)[:, :, 5])
    nothing = round_to_output(weights, np.zeros_like(grams), scales, bound=7)
    np.testing.assert_array_equal(nothing, nearest(weights, scales))


@settings(deadline=None)
@given(seed=st.integers(0, 1000), bound=st.sampled_from([7, 64, 127]), mixing=st.floats(0, 100))
def test_integers_stay_within_the_bound_and_are_rarely_worse(seed: int, bound: int, mixing: float) -> None:
    weights, grams, _ = layer(outputs=16, width=8, mixing=mixing, seed=seed)
    scales = np.abs(weights).max(axis=2) / bound
    stored = round_to_output(weights, grams, scales, bound=bound)
    assert stored.dtype == np.int8
    assert np.abs(stored.astype(int)).max() <= bound
    error = output_error(weights, stored * scales[:, :, None], grams).sum()
    plain = output_error(weights, nearest(weights, scales, bound) * scales[:, :, None], grams).sum()
    assert error <= 1.3 * plain


@pytest.mark.parametrize("size", [1e-3, 1.0, 1e3])
def test_a_matrix_that_is_not_positive_definite_still_gives_usable_weights(size: float) -> None:
    weights, grams, scales = layer(mixing=5.0)
    spoilt = grams - np.eye(24) * size
    stored = round_to_output(weights, spoilt, scales, bound=7)
    assert np.abs(stored * scales[:, :, None] - weights).max() <= 40 * scales.max()
    assert np.abs(stored.astype(int)).max() <= 7


def test_no_matrix_at_all_means_rounding_to_nearest() -> None:
    weights, _, scales = layer()
    stored = round_to_output(weights, -np.eye(24)[None] * 5, scales, bound=7)
    np.testing.assert_array_equal(stored, nearest(weights, scales))
