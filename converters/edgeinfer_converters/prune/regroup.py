"""Axes that are merged and split: on which of the new ones the channels lie, and which then go together."""

from __future__ import annotations

import numpy as np

from edgeinfer_converters.graph.classes import Indices
from edgeinfer_converters.graph.shapes import Shape
from edgeinfer_converters.prune.flow import Flow, Stretch


def regroup(source: Stretch, before: Shape, after: Shape, flow: Flow, name: str) -> tuple[int, Indices]:
    """The axis of a reshaped tensor that carries the channels, and their numbers on it.

    Channels that spread over several axes are tied (in `flow`) so that they lie on one of them: the one
    that leaves the most channels apart, given what is tied already; the last one of several.
    """
    head = _common_head(before, after, source.axis)
    tail = _common_head(before[head:][::-1], after[head:][::-1], len(before) - 1 - source.axis)
    inner, outer = before[head : len(before) - tail], after[head : len(after) - tail]
    column = flow.roots(source.ids).reshape(-1, *[1] * (len(inner) - 1 - source.axis + head))
    everywhere = np.broadcast_to(column, inner).reshape(outer)
    tables = [np.moveaxis(everywhere, axis, 0).reshape(outer[axis], -1) for axis in range(len(outer))]
    axis = max(range(len(outer)), key=lambda one: (_apart(tables[one]), one))
    for row in _uneven(tables[axis]):
        flow.tie(_distinct(row).reshape(-1, 1), f"{name}: it splits channels that are fixed")
    return head + axis, tables[axis][:, 0]


def _common_head(before: Shape, after: Shape, limit: int) -> int:
    """How many leading axes are the same, all of them ahead of the one at `limit`."""
    count = 0
    while count < min(limit, len(after) - 1) and before[count] == after[count]:
        count += 1
    return count


def _uneven(table: Indices) -> list[Indices]:
    """The rows that have more than one number, each once: those of a large plane are mostly the same."""
    rows = table[(table != table[:, :1]).any(axis=1)]
    return list({row.tobytes(): row for row in rows}.values())


def _distinct(row: Indices) -> Indices:
    _, first = np.unique(row, return_index=True)
    distinct: Indices = row[np.sort(first)]
    return distinct


def _apart(table: Indices) -> int:
    """How many classes of channels are left if all numbers in a row of the table go together."""
    parents: dict[int, int] = {}

    def root(number: int) -> int:
        while parents.setdefault(number, number) != number:
            number = parents[number]
        return number

    for row in _uneven(table):
        first, *others = np.unique(row).tolist()
        for other in others:
            parents[root(other)] = root(first)
    return len({root(number) for number in np.unique(table).tolist()})
