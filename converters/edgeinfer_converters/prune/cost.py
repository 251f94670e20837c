"""What a network costs in multiply-accumulates while its groups keep some of their channels."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from edgeinfer_converters.graph.macs import count_macs
from edgeinfer_converters.graph.view import GraphView
from edgeinfer_converters.prune.budget import Cost, Kept
from edgeinfer_converters.prune.groups import Grouping, Lane


@dataclass(frozen=True)
class Side:
    """What part of a tensor's channels belongs to a group."""

    group: str
    channels: int
    part: float

    def lost(self, kept: Kept) -> float:
        """The part that is gone."""
        return self.part * (1 - kept.get(self.group, self.channels) / self.channels)


@dataclass(frozen=True)
class Sides:
    """The groups in what products read, by node, and in what nodes make, by tensor."""

    read: Mapping[str, Sequence[Side]]
    made: Mapping[str, Sequence[Side]]


def macs_cost(view: GraphView, grouping: Grouping) -> Cost:
    """The multiply-accumulates of a prepared graph with known shapes."""
    macs = count_macs(view.model)
    sides = sides_of(view, grouping)
    results = {node.name: node.output[0] for node in view.nodes}

    def cost(kept: Kept) -> float:
        return sum(
            number * left(sides.read.get(node, ()), kept) * left(sides.made.get(results[node], ()), kept)
            for node, number in macs.items()
        )

    return cost


def left(sides: Sequence[Side], kept: Kept) -> float:
    """The part of a tensor's channels that is left, 0 to 1."""
    return 1 - sum(side.lost(kept) for side in sides)


def sides_of(view: GraphView, grouping: Grouping) -> Sides:
    """Where the groups of a graph lie in its tensors."""
    read: dict[str, list[Side]] = {}
    made: dict[str, list[Side]] = {}
    for group in grouping.groups:
        for member in group.consumers:
            read.setdefault(member.node, []).append(
                Side(group.name, group.channels, _part(view, member.activation))
            )
        for lane in group.tensors:
            made.setdefault(lane.tensor, []).append(Side(group.name, group.channels, _part(view, lane)))
    return Sides(read, made)


def _part(view: GraphView, lane: Lane) -> float:
    shapes: Mapping[str, tuple[int, ...]] = view.shapes
    return len(lane.positions) / shapes[lane.tensor][lane.axis]
