"""Where channels go, while the nodes of a graph are followed in their order."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, auto

import numpy as np
import onnx

from edgeinfer_converters.graph.classes import Classes, Indices
from edgeinfer_converters.graph.shapes import Shape
from edgeinfer_converters.graph.view import GraphView

FIXED = -1
"""Stands on an axis, among the numbers of channels, where nothing can be removed."""


class Role(Enum):
    """What a node does with the channels on its constants."""

    PRODUCER = auto()
    CONSUMER = auto()
    CARRIER = auto()


@dataclass(frozen=True, eq=False)
class Stretch:
    """A tensor and the one of its axes that carries channels: `ids` has the number of each, or FIXED."""

    tensor: str
    axis: int
    ids: Indices


@dataclass(frozen=True, eq=False)
class Record:
    """A node with constants that carry channels."""

    role: Role
    node: str
    activation: Stretch
    constants: tuple[Stretch, ...]


class Flow:
    """What is known so far. A tensor without a stretch has a fixed shape.

    `frozen`: members of `classes` that must stay, with the reason. `rigid_products`: results of products
    whose channels were never up for removal, with the reason.
    """

    def __init__(self, view: GraphView) -> None:
        self.view = view
        self.classes = Classes()
        self.frozen: dict[int, str] = {}
        self.rigid_products: dict[str, str] = {}
        self.records: list[Record] = []
        self.stretches: dict[str, Stretch] = {}

    def at(self, name: str) -> Stretch | None:
        """The channels of a tensor, if it has any that could go."""
        return self.stretches.get(name)

    def put(self, name: str, axis: int, ids: Indices) -> Stretch:
        """Let a tensor carry these channels, unless all are fixed; without a known shape they become so."""
        stretch, shape = Stretch(name, axis, ids), self.shape(name)
        if name and (ids != FIXED).any():
            if shape is not None and shape[axis] == len(ids):
                self.stretches[name] = stretch
            else:
                self.freeze_ids(ids.tolist(), f"the shape of `{name}` is not known")
        return stretch

    def shape(self, name: str) -> Shape | None:
        """The shape of a tensor; None where it is not known, or a dimension is open or 0."""
        shape = self.view.shapes.get(name)
        return None if shape is None or any(dim < 1 for dim in shape) else shape

    def is_constant(self, name: str) -> bool:
        """Whether a tensor is an initializer."""
        return name in self.view.initializers

    def unite(self, one: Indices, other: Indices, why: str) -> None:
        """Tie channels to others, number by number; what meets a fixed one is frozen because of `why`."""
        for left, right in zip(one.tolist(), other.tolist(), strict=True):
            if left != FIXED and right != FIXED:
                self.classes.unite(left, right)
            else:
                self.freeze_ids([left, right], why)

    def tie(self, rows: Indices, why: str) -> None:
        """Tie the channels in each column of `rows`, a matrix of numbers."""
        for row in rows[1:]:
            self.unite(rows[0], row, why)

    def roots(self, ids: Indices) -> Indices:
        """The least of all channels that each is tied to; FIXED stays."""
        return np.array([one if one == FIXED else self.classes.root(one) for one in ids.tolist()], np.intp)

    def freeze_ids(self, ids: list[int], why: str) -> None:
        """Keep these channels."""
        for member in ids:
            if member != FIXED:
                self.frozen.setdefault(member, why)

    def freeze(self, name: str, why: str) -> None:
        """Keep all channels of a tensor."""
        if name in self.stretches:
            self.freeze_ids(self.stretches[name].ids.tolist(), why)

    def cut(self, node: onnx.NodeProto, why: str) -> None:
        """Keep the channels of all that a node reads, in its subgraphs too; its results are fixed."""
        for name in {**dict.fromkeys(node.input), **dict.fromkeys(self._captured(node))}:
            self.freeze(name, f"{node.op_type} `{node.name}`: {why}")

    def _captured(self, node: onnx.NodeProto) -> list[str]:
        if not any(one.type in (one.GRAPH, one.GRAPHS) for one in node.attribute):
            return []
        return [name for name in self.stretches if node in self.view.readers.get(name, ())]

    def record(self, role: Role, node: onnx.NodeProto, activation: Stretch, constants: list[Stretch]) -> None:
        """Note a node whose constants have to be cut with the channels."""
        self.records.append(Record(role, node.name, activation, tuple(constants)))


def moved(ids: Indices, axis: int, shape: Shape) -> Indices:
    """The numbers of the channels at every element of a tensor: a view of the whole shape."""
    column = ids.reshape([-1 if place == axis else 1 for place in range(len(shape))])
    return np.broadcast_to(column, shape)
