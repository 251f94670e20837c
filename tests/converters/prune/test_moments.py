"""Second moments of columns and targets."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgeinfer_converters.prune.moments import ShelvedMoments, moments_of, total_of, with_targets

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
    for name in ("xx", "yx", "yy", "x", "y"):
        np.testing.assert_allclose(getattr(total, name), getattr(whole, name), rtol=1e-4, atol=1e-3)


@given(seed=SEEDS, cut=st.integers(1, 29), centred=st.booleans())
def test_means_without_a_part(seed: int, cut: int, centred: bool) -> None:
    x, y = rows_of(seed)
    part, rest = moments_of(x[:cut], y[:cut]), moments_of(x[cut:], y[cut:])
    total = total_of([part, rest])
    found = total.covariances(centred=centred, without=part)
    expected = rest.covariances(centred=centred)
    for name in ("xx", "yx", "yy", "mean_x", "mean_y"):
        np.testing.assert_allclose(getattr(found, name), getattr(expected, name), rtol=1e-3, atol=2e-3)


@pytest.mark.parametrize("width", [3, 200])
def test_centred_products_are_those_of_the_centred_rows(width: int) -> None:
    rng = np.random.default_rng(0)
    x, y = (rng.normal(2, 1, (50, 2, size)).astype(np.float32) for size in (width, 70))
    found = moments_of(x, y).covariances(centred=True)
    apart, away = x - x.mean(axis=0), y - y.mean(axis=0)
    np.testing.assert_allclose(found.xx, np.einsum("rgv,rgw->gvw", apart, apart) / 50, atol=1e-4)
    np.testing.assert_allclose(found.yx, np.einsum("rgo,rgw->gow", away, apart) / 50, atol=1e-4)


def test_what_is_added_up_stays_as_it_was() -> None:
    parts = [moments_of(*rows_of(seed)) for seed in (1, 2, 3)]
    before = parts[0].xx.copy()
    assert total_of(iter(parts)).count == 90
    np.testing.assert_array_equal(parts[0].xx, before)


def test_what_waited_on_disk_is_the_same() -> None:
    parts = [moments_of(*rows_of(seed, rows)) for seed, rows in ((1, 30), (2, 7), (3, 0))]
    shelved = ShelvedMoments(iter(parts))
    assert len(shelved) == 3
    assert [one.count for one in shelved[:2]] == [30, 7]
    for part, found in zip(parts, shelved, strict=True):
        assert found.count == part.count
        for one, other in zip(part.sums, found.sums, strict=True):
            np.testing.assert_array_equal(one, other)
    with pytest.raises(IndexError):
        shelved[3]


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
