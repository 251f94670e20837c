"""What a network costs in multiply-accumulates while its groups keep some of their channels."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from edgeinfer_converters.graph.macs import count_macs
from edgeinfer_converters.graph.view import GraphView
from edgeinfer_converters.prune.budget import Cost, Kept
from edgeinfer_converters.prune.groups import Grouping, Lane


@dataclass(frozen=True)
class _Side:
    """What part of a product's inputs or outputs belongs to a group."""

    group: str
    channels: int
    part: float

    def lost(self, kept: Kept) -> float:
        """The part that is gone."""
        return self.part * (1 - kept.get(self.group, self.channels) / self.channels)


def macs_cost(view: GraphView, grouping: Grouping) -> Cost:
    """The multiply-accumulates of a prepared graph with known shapes."""
    macs = count_macs(view.model)
    inputs, outputs = _sides(view, grouping)

    def cost(kept: Kept) -> float:
        return sum(
            number * _left(inputs.get(node, []), kept) * _left(outputs.get(node, []), kept)
            for node, number in macs.items()
        )

    return cost


def _left(sides: list[_Side], kept: Kept) -> float:
    return 1 - sum(side.lost(kept) for side in sides)


def _sides(view: GraphView, grouping: Grouping) -> tuple[dict[str, list[_Side]], dict[str, list[_Side]]]:
    inputs: dict[str, list[_Side]] = {}
    outputs: dict[str, list[_Side]] = {}
    for group in grouping.groups:
        for member in group.consumers:
            inputs.setdefault(member.node, []).append(
                _Side(group.name, group.channels, _part(view, member.activation))
            )
        for lane in group.tensors:
            node = view.producers[lane.tensor].name
            outputs.setdefault(node, []).append(_Side(group.name, group.channels, _part(view, lane)))
    return inputs, outputs


def _part(view: GraphView, lane: Lane) -> float:
    shapes: Mapping[str, tuple[int, ...]] = view.shapes
    return len(lane.positions) / shapes[lane.tensor][lane.axis]
