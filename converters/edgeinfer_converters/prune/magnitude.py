"""What pruning without data does: the channels with the smallest weights go.

The same part of each group goes, or the smallest of all groups together. It is what everything else is
measured against. A channel counts for as much as the weights of all layers that it belongs to: those that
make it, those that read it, and the scales of normalizations.
Sources: Li et al., "Pruning Filters for Efficient ConvNets" (ICLR 2017), with the L2 norm; Fang et al.,
"DepGraph: Towards Any Structural Pruning" (CVPR 2023), for whole groups. The importances are those of
Torch-Pruning's `MagnitudeImportance(p=2, group_reduction="mean", normalizer="mean")`, which leaves
depthwise convolutions and biases out of account.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np

from edgeinfer_converters.graph.view import GraphView
from edgeinfer_converters.prune.budget import Cost
from edgeinfer_converters.prune.elimination import Indices
from edgeinfer_converters.prune.groups import Group, Grouping, Lane
from edgeinfer_converters.prune.moments import Floats

_STEPS = 1000
_SCALED = ("BatchNormalization", "InstanceNormalization")


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


def smallest_of_all_removed(
    view: GraphView, grouping: Grouping, share: float, cost: Cost
) -> Mapping[str, Indices]:
    """The same with the least important channels of all groups together; the best of each group stays."""
    found = {group.name: importances(view, group) for group in grouping.groups}
    every = np.sort(np.concatenate([*found.values(), np.zeros(0)]))
    most = (1 - share) * cost({})
    kept: dict[str, Indices] = {name: np.arange(len(one)) for name, one in found.items()}
    for bound in every[:: max(len(every) // _STEPS, 1)]:
        kept = {name: np.flatnonzero(one >= min(bound, one.max())) for name, one in found.items()}
        if cost({name: len(one) for name, one in kept.items()}) <= most:
            break
    return kept


def importances(view: GraphView, group: Group) -> Floats:
    """(channels,): the sum of the squared weights that each layer of the group has for a channel, the mean
    over the layers, relative to that of the group's mean channel."""
    layers = [_squares(view, lane, group.channels) for lane in _weights(view, group)]
    found = np.mean(layers, axis=0)
    relative: Floats = found / max(float(found.mean()), 1e-30)
    return relative


def _weights(view: GraphView, group: Group) -> Iterator[Lane]:
    """The products' weights along the channels, then the scales of normalizations."""
    for member in (*group.producers, *group.consumers):
        yield member.weights
    scales = {node.name: node.input[1] for node in view.nodes if node.op_type in _SCALED}
    for member in group.carried:
        yield from (lane for lane in member.constants if lane.tensor == scales.get(member.node))


def _squares(view: GraphView, lane: Lane, channels: int) -> Floats:
    weights = np.moveaxis(view.constant(lane.tensor).astype(np.float64), lane.axis, 0)
    sums = np.square(weights).reshape(len(weights), -1).sum(axis=1)
    found = np.zeros(channels)
    np.add.at(found, lane.channels, sums[lane.positions])
    return found


def _count(group: Group, part: float, multiple: int) -> int:
    wanted = round(group.channels * (1 - part) / multiple) * multiple
    return min(max(wanted, min(multiple, group.channels)), group.channels)


def _largest(view: GraphView, group: Group, count: int) -> Indices:
    order = np.argsort(importances(view, group), kind="stable")
    kept: Indices = np.sort(order[group.channels - count :])
    return kept
