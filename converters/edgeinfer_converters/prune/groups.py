"""Which channels go together: removing one means removing all that it is added to, scaled by or read by.

Source: Fang et al., "DepGraph: Towards Any Structural Pruning" (CVPR 2023), for PyTorch modules; here on the
tensors of an ONNX graph, of which one axis carries channels.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TypeVar

import numpy as np

from edgeinfer_converters.graph.classes import Classes, Indices
from edgeinfer_converters.graph.view import GraphView
from edgeinfer_converters.prune.flow import FIXED, Flow, Role, Stretch
from edgeinfer_converters.prune.follow import follow

_Item = TypeVar("_Item")


@dataclass(frozen=True, eq=False)
class Lane:
    """The part of one axis of a tensor on which channels of a group lie.

    At `positions[i]` (ascending) of `axis` lies channel `channels[i]` of the group. Other positions belong
    to other groups or to none. A channel may lie at several positions (a flattened plane), or at none.
    """

    tensor: str
    axis: int
    positions: Indices
    channels: Indices


@dataclass(frozen=True, eq=False)
class Member:
    """A node whose constants have a group's channels on an axis.

    `activation`: what it makes (a producer, a carrier) or reads (a consumer). `constants`: what surgery
    cuts; for a producer the weights along their output axis, then the bias; for a consumer the weights
    along their input axis; for a carrier all that has a number for each channel. In grouped convolutions
    the axis of the weights may be that of one group only, in which case its positions count within one.
    """

    node: str
    activation: Lane
    constants: tuple[Lane, ...]

    @property
    def weights(self) -> Lane:
        """The first of the constants."""
        return self.constants[0]


@dataclass(frozen=True, eq=False)
class Group:
    """Channels, numbered from 0, that can be removed one by one, each from all tensors that carry it.

    `name`: that of the first producer. `channels`: how many there are: any part of them may be kept, as
    long as each tensor keeps one. `required` are the sets of which one has to stay for that: mostly there
    is a single one, of all channels. `unit`: how many output channels of a producer
    go with one channel of the group: 1, or the number of groups of a grouped convolution, or more.
    `producers` are the products that make the channels; `consumers` those that sum over them (reading
    zeros there is the same as reading nothing); `carried` are operators with a constant for each channel
    (depthwise convolutions, BatchNormalization, Mul, Add, PRelu); `tensors` all activations that carry it.
    All are in the order of the graph.
    """

    name: str
    channels: int
    required: tuple[Indices, ...]
    unit: int
    producers: tuple[Member, ...]
    consumers: tuple[Member, ...]
    carried: tuple[Member, ...]
    tensors: tuple[Lane, ...]


@dataclass(frozen=True, eq=False)
class Grouping:
    """The groups of a graph in its order, and products of which no channel can go: `(tensor, reason)`."""

    groups: tuple[Group, ...]
    frozen: tuple[tuple[str, str], ...]

    def __getitem__(self, name: str) -> Group:
        """The group of that name; KeyError."""
        return {group.name: group for group in self.groups}[name]


def find_groups(view: GraphView) -> Grouping:
    """The groups of a prepared float graph with known shapes.

    Graph inputs and outputs keep their shapes. A group is frozen as a whole where one of its channels
    meets an operator that treats the channels otherwise than one by one, is shared or not constant.
    """
    flow = Flow(view)
    for node in view.nodes:
        follow(node, flow)
    for name in (value.name for value in view.model.graph.output):
        flow.freeze(name, "it is an output of the graph")
    return _Sorter(flow).grouping()


class _Sorter:
    """Turns classes of channels into groups: all channels that one producer makes belong to one."""

    def __init__(self, flow: Flow) -> None:
        self._flow = flow
        self._roots = flow.classes.roots()
        self._families = self._join()
        self._numbers = {
            int(family): np.unique(self._roots[self._families == family])
            for family in np.unique(self._families)
        }
        self._records = self._by_family([(record.activation, record) for record in flow.records])
        self._stretches = self._by_family([(one, one) for one in flow.stretches.values()])

    def grouping(self) -> Grouping:
        reasons = self._reasons()
        names: dict[int, str] = {}
        frozen = dict(self._flow.rigid_products)
        for record in self._flow.records:
            if record.role is Role.PRODUCER:
                family = int(self._families[record.activation.ids[0]])
                if family in reasons:
                    frozen[record.activation.tensor] = reasons[family]
                else:
                    names.setdefault(family, record.node)
        order = {name: index for index, node in enumerate(self._flow.view.nodes) for name in node.output}
        groups = tuple(self._group(family, name) for family, name in names.items())
        return Grouping(groups, tuple(sorted(frozen.items(), key=lambda item: order[item[0]])))

    def _by_family(self, items: list[tuple[Stretch, _Item]]) -> dict[int, list[_Item]]:
        """The items that each family takes part in by its channels on their stretches."""
        found: defaultdict[int, list[_Item]] = defaultdict(list)
        for stretch, item in items:
            for family in np.unique(self._families[stretch.ids[stretch.ids != FIXED]]).tolist():
                found[family].append(item)
        return found

    def _join(self) -> Indices:
        """The family of each member: of all that the producers of a class make."""
        families = Classes()
        families.new(len(self._roots))
        for member, root in enumerate(self._roots.tolist()):
            families.unite(member, root)
        for record in self._flow.records:
            if record.role is Role.PRODUCER:
                for member in record.activation.ids.tolist():
                    families.unite(record.activation.ids[0], member)
        return families.roots()

    def _reasons(self) -> dict[int, str]:
        """Why families are frozen."""
        reasons: dict[int, str] = {}
        for member, why in self._flow.frozen.items():
            reasons.setdefault(int(self._families[member]), why)
        for family, numbers in self._numbers.items():
            if len(numbers) == 1:
                reasons.setdefault(family, "its channels can only go all at once")
        return reasons

    def _group(self, family: int, name: str) -> Group:
        members = {role: tuple(self._members(role, family)) for role in Role}
        counts = [np.bincount(one.activation.channels).max() for one in members[Role.PRODUCER]]
        tensors = tuple(filter(None, (self._lane(one, family) for one in self._stretches[family])))
        return Group(
            name=name,
            channels=len(self._numbers[family]),
            required=_least([lane.channels for lane in tensors]),
            unit=int(max(counts)),
            producers=members[Role.PRODUCER],
            consumers=members[Role.CONSUMER],
            carried=members[Role.CARRIER],
            tensors=tensors,
        )

    def _members(self, role: Role, family: int) -> Iterator[Member]:
        for record in self._records[family]:
            activation = self._lane(record.activation, family) if record.role is role else None
            if activation is not None:
                lanes = [self._lane(one, family) for one in record.constants]
                yield Member(record.node, activation, tuple(filter(None, lanes)))

    def _lane(self, stretch: Stretch, family: int) -> Lane | None:
        """The family's part of a stretch, if it has any."""
        positions = np.flatnonzero(stretch.ids != FIXED)
        positions = positions[self._families[stretch.ids[positions]] == family]
        if not len(positions):
            return None
        channels = np.searchsorted(self._numbers[family], self._roots[stretch.ids[positions]])
        return Lane(stretch.tensor, stretch.axis, positions, channels)


def _least(sets: list[Indices]) -> tuple[Indices, ...]:
    """The different sets that hold no other one, sorted; whatever has one of each has one of all."""
    different = sorted({tuple(np.unique(one).tolist()) for one in sets}, key=lambda one: (len(one), one))
    least: list[tuple[int, ...]] = []
    for one in different:
        if not any(set(other) <= set(one) for other in least):
            least.append(one)
    return tuple(np.array(one, np.intp) for one in least)
