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

Indices = npt.NDArray[np.intp]


@dataclass(frozen=True)
class Consumer:
    """A product that reads the units of a group.

    `gram` (width, width) of its columns, `weights` (outputs, width); `columns` (units, size) are those of
    each unit. Columns of no unit stay. `power`: of its outputs, what errors are relative to.
    """

    gram: Floats
    weights: Floats
    columns: Indices
    power: float


@dataclass(frozen=True)
class Elimination:
    """`order` (units,): the unit that goes first, first. `errors` (units + 1,): what removing the first
    so many costs, summed over the consumers, each relative to its power; `errors[0]` is 0."""

    order: Indices
    errors: Floats

    def kept(self, count: int) -> Indices:
        """The units that stay when `count` do, sorted."""
        kept: Indices = np.sort(self.order[len(self.order) - count :])
        return kept


def eliminate(consumers: Sequence[Consumer], units: int) -> Elimination:
    """The order for all units, the errors made up for by least squares at each consumer."""
    states = [_State(one) for one in consumers]
    remaining = np.arange(units)
    order, errors = np.empty(units, np.intp), np.zeros(units + 1)
    for step in range(units):
        costs = np.zeros(len(remaining))
        for state in states:
            costs += state.costs(remaining)
        place = int(np.argmin(costs))
        unit = int(remaining[place])
        order[step], errors[step + 1] = unit, errors[step] + max(float(costs[place]), 0)
        for state in states:
            state.remove(unit)
        remaining = np.delete(remaining, place)
    return Elimination(order, errors)


class _State:
    """A consumer with some of its columns gone: rows and columns of the inverse that are no more are zero."""

    def __init__(self, consumer: Consumer) -> None:
        squares = np.diagonal(consumer.gram)
        ridge = RIDGE * squares + 1e-6 * RIDGE * float(squares.mean()) + 1e-30
        self._inverse = np.linalg.inv(consumer.gram + np.diag(ridge))
        self._weights = consumer.weights.copy()
        self._columns = consumer.columns
        self._power = max(consumer.power, 1e-30)

    def costs(self, units: Indices) -> Floats:
        """What removing each of the units would cost now."""
        columns = self._columns[units]
        blocks = self._inverse[columns[:, :, None], columns[:, None, :]]
        weights = self._weights[:, columns].transpose(1, 2, 0)
        found: Floats = np.einsum("usf,usf->u", weights, np.linalg.solve(blocks, weights)) / self._power
        return found

    def remove(self, unit: int) -> None:
        """Take the columns of a unit out; the other weights make up for them."""
        columns = self._columns[unit]
        rows = self._inverse[columns]
        step = np.linalg.solve(rows[:, columns], rows)
        self._weights -= self._weights[:, columns] @ step
        self._inverse -= rows.T @ step
        self._inverse[columns] = 0
        self._inverse[:, columns] = 0
