"""Which channels go first."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings as options
from hypothesis import strategies as st

from edgeinfer_converters.prune import elimination
from edgeinfer_converters.prune.elimination import Consumer, damped, eliminate

SEEDS = st.integers(0, 2**32 - 1)


def consumer(x: np.ndarray, weights: np.ndarray, size: int = 1, first: int = 0) -> Consumer:
    """Of columns x (rows, width); unit by unit, `size` columns each, from column `first` on."""
    gram = damped(x.T @ x / len(x), 10_000)
    units = (x.shape[1] - first) // size
    columns = first + np.arange(units * size).reshape(units, size)
    return Consumer(gram, weights, columns, float(np.vdot(weights @ gram, weights)))


def residue(x: np.ndarray, weights: np.ndarray, kept: np.ndarray) -> float:
    """The relative squared error of the best weights for the columns that are kept."""
    wanted = x @ weights.T
    if not len(kept):
        return 1.0
    solution = np.linalg.lstsq(x[:, kept], wanted, rcond=None)[0]
    return float(np.square(wanted - x[:, kept] @ solution).sum() / np.square(wanted).sum())


@options(max_examples=25)
@given(seed=SEEDS, size=st.integers(1, 3), outputs=st.integers(1, 4))
def test_errors_are_those_of_least_squares(seed: int, size: int, outputs: int) -> None:
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(200, 5 * size)) @ rng.normal(size=(5 * size, 5 * size))
    weights = rng.normal(size=(outputs, 5 * size))
    found = eliminate([consumer(x, weights, size)], 5)
    for removed in range(6):
        units = found.kept(5 - removed)
        kept = (units[:, None] * size + np.arange(size)).reshape(-1)
        assert found.errors[removed] == pytest.approx(residue(x, weights, kept), rel=0.05, abs=0.01)


@given(seed=SEEDS)
def test_the_order_names_each_unit_once_and_errors_never_fall(seed: int) -> None:
    rng = np.random.default_rng(seed)
    found = eliminate([consumer(rng.normal(size=(20, 8)), rng.normal(size=(3, 8)))], 8)
    assert sorted(found.order) == list(range(8))
    assert found.errors[0] == 0
    assert (np.diff(found.errors) >= 0).all()


def test_a_dead_channel_goes_first_however_large_its_weights() -> None:
    rng = np.random.default_rng(0)
    x, weights = rng.normal(size=(100, 6)), rng.normal(size=(4, 6))
    x[:, 3], weights[:, 3] = 0, 1000
    found = eliminate([consumer(x, weights)], 6)
    assert found.order[0] == 3
    assert found.errors[1] < 1e-3


def test_one_of_two_twins_goes_first_and_the_other_takes_over() -> None:
    """Magnitude keeps both: they are the largest."""
    rng = np.random.default_rng(1)
    x, weights = rng.normal(size=(300, 6)), rng.normal(size=(4, 6))
    x[:, 4] = -2 * x[:, 1]
    weights[:, [1, 4]] *= 10
    found = eliminate([consumer(x, weights)], 6)
    assert found.order[0] in (1, 4)
    assert found.errors[1] < 0.01
    twin = 5 - found.order[0]
    assert twin in found.order[-2:]


def test_all_consumers_have_a_say() -> None:
    """What the first one could do without, the second one needs."""
    rng = np.random.default_rng(2)
    x = rng.normal(size=(200, 2))
    first, second = np.array([[1.0, 0.9]]), np.array([[0.01, 3.0]])
    alone = eliminate([consumer(x, np.array([[0.9, 1.0]]))], 2)
    assert alone.order[0] == 0
    together = eliminate([consumer(x, first), consumer(x, second)], 2)
    assert together.order[0] == 0
    assert eliminate([consumer(x, first)], 2).order[0] == 1


def test_columns_of_no_unit_stay_and_help() -> None:
    rng = np.random.default_rng(3)
    x = rng.normal(size=(200, 5))
    x[:, 4] = x[:, 0]
    found = eliminate([consumer(x, np.ones((1, 5)), first=1)], 4)
    assert found.order[0] == 3
    assert found.errors[1] < 0.01


def test_more_columns_than_samples_are_no_failure() -> None:
    rng = np.random.default_rng(4)
    found = eliminate([consumer(rng.normal(size=(3, 12)), rng.normal(size=(2, 12)))], 12)
    assert np.isfinite(found.errors).all()
    assert found.errors[6] < 0.05 < found.errors[-1]


def test_nothing_that_is_read_costs_nothing() -> None:
    found = eliminate([Consumer(damped(np.zeros((3, 3)), 9), np.ones((2, 3)), np.arange(3)[:, None], 0.0)], 3)
    assert np.isfinite(found.errors).all()


def test_kept_units_are_sorted() -> None:
    rng = np.random.default_rng(5)
    found = eliminate([consumer(rng.normal(size=(50, 7)), rng.normal(size=(2, 7)))], 7)
    kept = found.kept(4)
    assert list(kept) == sorted(kept)
    assert set(kept) == set(found.order[3:])
    assert len(found.kept(0)) == 0


def test_many_go_a_few_at_a_time_and_none_is_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(6)
    x = rng.normal(size=(300, 40)) @ rng.normal(size=(40, 40))
    one = consumer(x, rng.normal(size=(3, 40)))
    exact = eliminate([one], 40)
    monkeypatch.setattr(elimination, "ONE_BY_ONE", 10)
    found = eliminate([one], 40)
    assert sorted(found.order) == list(range(40))
    assert (np.diff(found.errors) >= 0).all()
    assert found.errors[20] < 2 * exact.errors[20] + 0.01
    assert found.errors[20] == pytest.approx(residue(x, one.weights, found.kept(20)), rel=0.1, abs=0.01)


def test_units_of_different_widths() -> None:
    """What a unit has less of than others stands alone."""
    rng = np.random.default_rng(7)
    x, weights = rng.normal(size=(200, 5)), rng.normal(size=(2, 5))
    gram = damped(x.T @ x / len(x), 10_000)
    columns = np.array([[0, 1], [2, -1], [3, 4], [-1, -1]])
    found = eliminate([Consumer(gram, weights, columns, float(np.vdot(weights @ gram, weights)))], 4)
    assert found.order[0] == 3
    assert found.errors[1] == 0
    assert found.errors[-1] == pytest.approx(1, abs=0.01)


def test_few_rows_are_believed_less() -> None:
    """Of a singular matrix of three rows, much seems to come for nothing; of more rows, less is added."""
    gram = np.ones((4, 4))
    added = [damped(gram, rows) - gram for rows in (3, 40, 10**9)]
    np.testing.assert_allclose([one[0, 0] for one in added], [4 / 3, 0.1, 1e-3], rtol=1e-4)
    assert all(np.count_nonzero(one) == 4 for one in added)
    np.linalg.inv(damped(np.zeros((3, 3)), 0))


def test_sums_that_lost_what_small_columns_hold() -> None:
    rng = np.random.default_rng(0)
    x = rng.normal(size=(500, 12)) * np.geomspace(1, 1e-4, 12)
    gram = x.T @ x / len(x)
    lost = rng.normal(size=gram.shape) * 1e-5
    gram += lost + lost.T
    assert np.linalg.eigvalsh(gram)[0] < 0
    found = damped(gram, 100_000)
    assert np.linalg.eigvalsh(found)[0] > 0
    assert np.abs(found - gram).max() < 0.01
    units = np.arange(12).reshape(12, 1)
    result = eliminate([Consumer(found, rng.normal(size=(3, 12)), units, 1.0)], 12)
    assert np.isfinite(result.errors).all()
    assert (np.diff(result.errors) >= 0).all()
