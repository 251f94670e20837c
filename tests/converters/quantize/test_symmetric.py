"""Symmetric sums: half of them is enough."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgeinfer_converters.quantize.symmetric import STRIP, SymmetricSum
from edgeinfer_converters.shelf import Shelf


def rows_of(count: int, width: int, seed: int) -> np.ndarray:
    """Small integers: their products and sums are exact."""
    return np.random.default_rng(seed).integers(-9, 9, (count, 20, width)).astype(np.float32)


@given(
    count=st.integers(1, 3),
    width=st.one_of(st.integers(1, 9), st.sampled_from([STRIP - 1, STRIP, STRIP + 1, 2 * STRIP + 5])),
    terms=st.integers(0, 3),
)
def test_the_whole_is_what_plain_sums_are_to_the_last_bit(count: int, width: int, terms: int) -> None:
    plain = np.zeros((count, width, width))
    sums = [SymmetricSum(count, width), SymmetricSum(count, width, Shelf())]
    for seed in range(terms):
        rows = rows_of(count, width, seed)
        for total in sums:
            total.add_products(rows)
        plain += rows.transpose(0, 2, 1) @ rows
    for total in sums:
        np.testing.assert_array_equal(total.whole(), plain)
        np.testing.assert_array_equal(total.shelve(Shelf()).whole(), plain)


@pytest.mark.parametrize("shelf", [None, Shelf()])
@pytest.mark.parametrize("width", [3, STRIP + 1])
def test_restored_sums_go_on(width: int, shelf: Shelf | None) -> None:
    total, other = SymmetricSum(2, width), SymmetricSum(2, width, shelf)
    total.add_products(rows_of(2, width, 0))
    other.restore([read().copy() for read in total.strips])
    for one in (total, other):
        one.add_products(rows_of(2, width, 1))
    np.testing.assert_array_equal(total.whole(), other.whole())
    with pytest.raises(ValueError, match="not the sums"):
        SymmetricSum(2, width + 1).restore([read() for read in total.strips])


def test_sums_of_any_numbers_are_symmetric_but_for_rounding() -> None:
    total = SymmetricSum(1, 2 * STRIP + 5)
    rows = np.random.default_rng(0).normal(0, 1, (1, 64, 2 * STRIP + 5)).astype(np.float32)
    total.add_products(rows)
    whole = total.whole()
    np.testing.assert_allclose(whole, whole.transpose(0, 2, 1), atol=1e-4)
    np.testing.assert_allclose(whole[0], rows[0].astype(float).T @ rows[0], atol=1e-4)


@pytest.mark.parametrize(("width", "share"), [(8 * STRIP, 0.57), (2 * STRIP, 0.76), (STRIP, 1.0)])
def test_wide_sums_take_little_more_than_half(width: int, share: float) -> None:
    shelf = Shelf()
    SymmetricSum(1, width).shelve(shelf)
    assert shelf.put(b"").offset <= share * width * width * 8


def test_the_whole_can_be_changed_without_changing_the_sum() -> None:
    total = SymmetricSum(1, 3)
    total.add_products(np.ones((1, 1, 3)))
    whole = total.whole()
    whole /= 2
    assert total.whole().max() == 1.0
