"""Least squares on the weights of a product."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgeinfer_converters.prune.moments import Moments, moments_of, total_of
from edgeinfer_converters.prune.ridge import LAMBDAS, _path, fit, fit_roughly

SEEDS = st.integers(0, 2**32 - 1)


def folds_of(x: np.ndarray, y: np.ndarray, count: int = 4) -> list[Moments]:
    return [moments_of(x[index::count], y[index::count]) for index in range(count)]


def linear(seed: int, rows: int, *, noise: float = 0.0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Columns (rows, 2, 6), targets (rows, 2, 3) that weights and a bias of 5 make of them, the weights."""
    rng = np.random.default_rng(seed)
    x = rng.normal(1, 1, (rows, 2, 6))
    weights = rng.normal(size=(2, 3, 6))
    y = np.einsum("gow,rgw->rgo", weights, x) + 5 + noise * rng.normal(size=(rows, 2, 3))
    return x, y, weights


@given(seed=SEEDS)
def test_what_is_linear_is_found_exactly(seed: int) -> None:
    x, y, weights = linear(seed, 400)
    found = fit(folds_of(x, y), np.zeros_like(weights), biased=True)
    np.testing.assert_allclose(found.weights, weights, atol=2e-3)
    assert found.bias is not None
    np.testing.assert_allclose(found.bias, 5, atol=1e-2)
    assert found.error < 1e-5 < found.before


@given(seed=SEEDS)
def test_without_a_bias_the_means_are_part_of_what_is_fitted(seed: int) -> None:
    x, y, weights = linear(seed, 400)
    found = fit(folds_of(x, y - 5), np.zeros_like(weights), biased=False)
    assert found.bias is None
    np.testing.assert_allclose(found.weights, weights, atol=2e-3)


@given(seed=SEEDS, centred=st.booleans())
def test_errors_along_the_path_are_those_of_its_weights(seed: int, centred: bool) -> None:
    x, y, weights = linear(seed, 60, noise=1.0)
    start = weights + np.random.default_rng(seed).normal(size=weights.shape)
    path = _path(moments_of(x[::2], y[::2]).covariances(centred=centred), start)
    test = moments_of(x[1::2], y[1::2]).covariances(centred=centred)
    expected = [test.error(path.at(strength)) for strength in LAMBDAS]
    np.testing.assert_allclose(path.errors(test), expected, rtol=1e-6, atol=1e-6)


@given(seed=SEEDS)
def test_a_rough_fit_is_near_the_best_one_where_there_are_many_rows(seed: int) -> None:
    x, y, weights = linear(seed, 400, noise=0.5)
    start = weights + np.random.default_rng(seed).normal(size=weights.shape)
    best = fit(folds_of(x, y), start, biased=True)
    rough = fit_roughly(moments_of(x, y), start, biased=True)
    assert rough.before == pytest.approx(best.before, rel=0.05)
    assert rough.error < best.error + 0.05 * best.before
    assert rough.bias is not None
    assert np.abs(rough.weights - best.weights).max() < 0.2


def test_a_column_that_is_hardly_there_gets_no_giant_weights() -> None:
    """It is there in two rows alone, and would explain all of their noise."""
    x, y, weights = linear(0, 400, noise=0.5)
    x[:, :, 0] = 0
    x[[3, 7], :, 0] = 1e-3
    found = fit(folds_of(x, y), weights, biased=True)
    assert np.abs(found.weights).max() < 20 * np.abs(weights).max()
    assert found.error <= found.before


def test_few_noisy_samples_leave_the_weights_near_where_they_were() -> None:
    x, y, weights = linear(0, 24, noise=8.0)
    found = fit(folds_of(x, y), weights, biased=True)
    free = fit_freely(x, y)
    assert np.abs(found.weights - weights).max() < 0.3 * np.abs(free - weights).max()
    assert found.strength > 0.1


def fit_freely(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    known = moments_of(x, y).covariances(centred=True)
    return known.yx @ np.linalg.inv(known.xx)


@given(seed=SEEDS, scale=st.floats(1e-3, 1e3))
def test_the_units_of_a_column_do_not_matter(seed: int, scale: float) -> None:
    x, y, weights = linear(seed, 60, noise=0.5)
    factors = np.array([1, 1, scale, 1, 1, 1])
    plain = fit(folds_of(x, y), weights, biased=True)
    scaled = fit(folds_of(x * factors, y), weights / factors, biased=True)
    np.testing.assert_allclose(scaled.weights * factors, plain.weights, rtol=0.02, atol=0.02)


def test_a_column_of_zeros_keeps_its_weights() -> None:
    x, y, weights = linear(1, 200)
    x[:, :, 2] = 0
    start = np.full_like(weights, 0.25)
    found = fit(folds_of(x, y), start, biased=True)
    np.testing.assert_allclose(found.weights[:, :, 2], 0.25)
    assert np.isfinite(found.weights).all()


def test_twin_columns_share_the_work() -> None:
    """The Gram matrix is singular: there is no single solution, and the one nearest the start is taken."""
    x, y, weights = linear(2, 200)
    x[:, :, 1] = x[:, :, 0]
    y = np.einsum("gow,rgw->rgo", weights, x)
    found = fit(folds_of(x, y), np.zeros_like(weights), biased=True)
    both = weights[:, :, 0] + weights[:, :, 1]
    np.testing.assert_allclose(found.weights[:, :, 0] + found.weights[:, :, 1], both, atol=5e-3)
    np.testing.assert_allclose(found.weights[:, :, 0], found.weights[:, :, 1], atol=5e-3)


def test_a_single_fold_knows_no_lambda_and_corrects_the_means_alone() -> None:
    x, y, weights = linear(3, 50)
    start = np.zeros_like(weights)
    found = fit([moments_of(x, y)], start, biased=True)
    np.testing.assert_array_equal(found.weights, start)
    assert found.bias is not None
    np.testing.assert_allclose(found.bias, y.mean(axis=0), rtol=1e-4)
    assert found.strength == np.inf


@given(seed=SEEDS)
def test_the_error_on_what_was_left_out_never_grows(seed: int) -> None:
    x, y, weights = linear(seed, 40, noise=2.0)
    found = fit(folds_of(x, y), weights, biased=True)
    assert found.error <= found.before


def test_targets_of_zero_are_no_division_by_zero() -> None:
    x, _, weights = linear(4, 40)
    found = fit(folds_of(x, np.zeros((40, 2, 3))), np.zeros_like(weights), biased=True)
    assert not found.weights.any()
    assert found.error == pytest.approx(0)


def test_folds_of_different_sizes_are_one_set() -> None:
    x, y, weights = linear(5, 100)
    folds = [moments_of(x[:70], y[:70]), moments_of(x[70:], y[70:])]
    assert total_of(folds).count == 100
    np.testing.assert_allclose(fit(folds, 0 * weights, biased=True).weights, weights, atol=5e-3)
