"""What pruning without data does: the channels with the smallest weights go, the same part of each group.

It is what everything else is measured against.
Source: Li et al., "Pruning Filters for Efficient ConvNets" (ICLR 2017), with the L2 norm.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from edgeinfer_converters.graph.view import GraphView
from edgeinfer_converters.prune.budget import Cost
from edgeinfer_converters.prune.elimination import Indices
from edgeinfer_converters.prune.groups import Group, Grouping
from edgeinfer_converters.prune.moments import Floats

_STEPS = 1000


def smallest_removed(
    view: GraphView, grouping: Grouping, share: float, cost: Cost, multiple: int = 1
) -> Mapping[str, Indices]:
    """By group the channels that stay when the least part of each group goes that saves `share` of the
    cost; each keeps at least one, and multiples of `multiple` where it has as many."""
    whole = cost({})
    for step in range(_STEPS):
        counts = {group.name: _count(group, step / _STEPS, multiple) for group in grouping.groups}
        if cost(counts) <= (1 - share) * whole:
            break
    return {group.name: _largest(view, group, counts[group.name]) for group in grouping.groups}


def norms(view: GraphView, group: Group) -> Floats:
    """(channels,): the L2 norm of the weights that make each channel, those of all producers together."""
    squares = np.zeros(group.channels)
    for member in group.producers:
        lane = member.weights
        weights = view.constant(lane.tensor).astype(np.float64)
        others = tuple(axis for axis in range(weights.ndim) if axis != lane.axis)
        np.add.at(squares, lane.channels, np.square(weights).sum(axis=others)[lane.positions])
    return np.sqrt(squares)


def _count(group: Group, part: float, multiple: int) -> int:
    wanted = round(group.channels * (1 - part) / multiple) * multiple
    return min(max(wanted, min(multiple, group.channels)), group.channels)


def _largest(view: GraphView, group: Group, count: int) -> Indices:
    order = np.argsort(norms(view, group), kind="stable")
    kept: Indices = np.sort(order[group.channels - count :])
    return kept
