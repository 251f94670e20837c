"""Second moments of columns and targets."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgeinfer_converters.prune.moments import moments_of, total_of, with_targets

SEEDS = st.integers(0, 2**32 - 1)


def rows_of(seed: int, rows: int = 30) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    x = rng.normal(1, 2, (rows, 2, 5)).astype(np.float32)
    return x, rng.normal(-1, 3, (rows, 2, 3)).astype(np.float32)


@given(seed=SEEDS, cut=st.integers(1, 29))
def test_parts_add_up_and_can_be_taken_out(seed: int, cut: int) -> None:
    x, y = rows_of(seed)
    parts = [moments_of(x[:cut], y[:cut]), moments_of(x[cut:], y[cut:])]
    whole, total = moments_of(x, y), total_of(parts)
    assert total.count == whole.count == 30
    rest = total - parts[0]
    assert rest.count == 30 - cut
    for name in ("xx", "yx", "yy", "x", "y"):
        np.testing.assert_allclose(getattr(total, name), getattr(whole, name), rtol=1e-4, atol=1e-3)
        np.testing.assert_allclose(getattr(rest, name), getattr(parts[1], name), rtol=1e-4, atol=1e-3)


@given(seed=SEEDS, centred=st.booleans())
def test_the_error_of_weights_is_that_of_the_rows(seed: int, centred: bool) -> None:
    x, y = rows_of(seed)
    weights = np.random.default_rng(seed + 1).normal(size=(2, 3, 5))
    differences = y - np.einsum("gow,rgw->rgo", weights, x)
    if centred:
        differences -= differences.mean(axis=0)
    expected = np.square(differences).mean(axis=0).sum()
    assert moments_of(x, y).covariances(centred=centred).error(weights) == pytest.approx(expected, rel=1e-3)


def test_no_rows_are_no_division_by_zero() -> None:
    x, y = rows_of(0, 0)
    found = moments_of(x, y).covariances(centred=True)
    assert not found.xx.any()
    assert found.error(np.ones((2, 3, 5))) == 0


def test_sums_stay_as_they_were_when_means_are_made() -> None:
    x, y = rows_of(3)
    found = moments_of(x, y)
    before = found.xx.copy()
    found.covariances(centred=True)
    np.testing.assert_array_equal(found.xx, before)


@given(seed=SEEDS, cut=st.integers(1, 29))
def test_other_targets_for_the_same_columns(seed: int, cut: int) -> None:
    x, y = rows_of(seed)
    other = 2 - y
    found = with_targets(moments_of(x, y), [(x[:cut], other[:cut]), (x[cut:], other[cut:])])
    expected = moments_of(x, other)
    assert found.count == expected.count
    for name in ("xx", "yx", "yy", "x", "y"):
        np.testing.assert_allclose(getattr(found, name), getattr(expected, name), rtol=1e-4, atol=1e-3)
