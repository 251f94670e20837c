"""The order in which channels go: always the one that least squares can best make up for.

With the Gram matrix G of the columns of a consumer and its weights w, removing the columns of a channel b
and adjusting all other weights costs w_b ([G^-1]_bb)^-1 w_b^T, and the inverse of what remains is a Schur
complement away. Channels go one by one, as the remaining ones have to stand in for ever more.
Sources: Hassibi and Stork, "Second Order Derivatives for Network Pruning: Optimal Brain Surgeon" (NIPS
1992); Frantar and Alistarh, "Optimal Brain Compression" (NeurIPS 2022), for layers; here by channel, over
all consumers of a group at once.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from edgeinfer_converters.prune.moments import Floats

RIDGE = 1e-3
"""Of the mean square of a column, on the diagonal: no set of samples knows a Gram matrix any better."""

ONE_BY_ONE = 128
"""Of twice as many units two go at a time, and so on."""

Indices = npt.NDArray[np.intp]


@dataclass(frozen=True)
class Consumer:
    """A product that reads the units of a group.

    `gram` (width, width) of its columns, damped, `weights` (outputs, width); `columns` (units, size): those
    of each unit, filled up with -1. Columns of no unit stay. `power`: of its outputs, what errors are
    relative to.
    """

    gram: Floats
    weights: Floats
    columns: Indices
    power: float


@dataclass(frozen=True)
class Elimination:
    """`order` (units,): the unit that goes first, first. `errors` (units + 1,): what removing the first
    so many costs, summed over the consumers, each relative to its power; `errors[0]` is 0. The last
    `least` units must stay."""

    order: Indices
    errors: Floats
    least: int = 1

    def kept(self, count: int) -> Indices:
        """The units that stay when `count` do, sorted."""
        kept: Indices = np.sort(self.order[len(self.order) - count :])
        return kept


def damped(gram: Floats, rows: int) -> Floats:
    """A Gram matrix (width, width) of so many rows with a ridge: the fewer there are, the less is believed.

    The ridge draws to the old weights; it is what cross-validation finds about right.
    """
    squares = np.diagonal(gram)
    ridge = max(RIDGE, gram.shape[0] / max(rows, 1))
    found = gram + np.diag(ridge * squares + 1e-6 * ridge * float(squares.mean()) + 1e-30)
    return found if _is_definite(found) else _lifted(found)


def _lifted(gram: Floats) -> Floats:
    """Made definite: what columns far from zero lose in their sums can be more than others hold."""
    unit = max(float(np.diagonal(gram).mean()), 1e-30) * np.eye(len(gram))
    steps = [10.0**exponent for exponent in range(-6, 0)]
    enough = next((step for step in steps if _is_definite(gram + step * unit)), 1.0)
    lifted: Floats = gram + 10 * enough * unit
    return lifted


def _is_definite(gram: Floats) -> bool:
    try:
        np.linalg.cholesky(gram)
    except np.linalg.LinAlgError:
        return False
    return True


def eliminate(consumers: Sequence[Consumer], units: int) -> Elimination:
    """The order for all units, the errors made up for by least squares at each consumer."""
    states = [_State(one) for one in consumers]
    remaining = np.arange(units)
    order, errors = np.empty(units, np.intp), np.zeros(units + 1)
    while len(remaining):
        removed = units - len(remaining)
        costs = np.sum([state.costs(remaining) for state in states], axis=0)
        places = _cheapest(costs, max(1, len(remaining) // ONE_BY_ONE))
        gone = remaining[places]
        cost = sum(state.remove(gone) for state in states)
        order[removed : removed + len(gone)] = gone
        # Those that go together share what they cost.
        errors[removed + 1 : removed + 1 + len(gone)] = (
            errors[removed] + cost * np.linspace(0, 1, len(gone) + 1)[1:]
        )
        remaining = np.delete(remaining, places)
    return Elimination(order, errors)


def _cheapest(costs: Floats, count: int) -> Indices:
    return np.argsort(costs, kind="stable")[:count]


class _State:
    """A consumer with some of its columns gone: rows and columns of the inverse that are no more are zero."""

    def __init__(self, consumer: Consumer) -> None:
        self._inverse = np.linalg.inv(consumer.gram)
        self._weights = consumer.weights.copy()
        self._columns = consumer.columns
        self._power = max(consumer.power, 1e-30)

    def costs(self, units: Indices) -> Floats:
        """What removing each of the units would cost now."""
        columns = self._columns[units]
        known = columns >= 0
        both = known[:, :, None] & known[:, None, :]
        blocks = self._inverse[columns[:, :, None], columns[:, None, :]]
        # What a unit has less of than others stands alone, with weights of zero.
        blocks = np.where(both, blocks, np.eye(columns.shape[1]))
        weights = self._weights[:, columns].transpose(1, 2, 0) * known[:, :, None]
        found: Floats = np.einsum("usf,usf->u", weights, np.linalg.solve(blocks, weights)) / self._power
        return found

    def remove(self, units: Indices) -> float:
        """Take the columns of units out; the other weights make up for them. What it costs."""
        columns = self._columns[units].reshape(-1)
        columns = columns[columns >= 0]
        if not len(columns):
            return 0.0
        rows, weights = self._inverse[columns], self._weights[:, columns]
        corner = rows[:, columns]
        cost = float(np.vdot(weights.T, np.linalg.solve(corner, weights.T)))
        step = np.linalg.solve(corner, rows)
        self._weights -= weights @ step
        self._inverse -= rows.T @ step
        self._inverse[columns] = 0
        self._inverse[:, columns] = 0
        return max(cost, 0.0) / self._power
