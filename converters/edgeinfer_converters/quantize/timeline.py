"""When the tensors of a graph are made and read: positions in its list of nodes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import onnx

from edgeinfer_converters.graph.walk import outer_names

GIVEN = -1
"""The position at which the inputs of a graph are made."""


@dataclass(frozen=True)
class Timeline:
    """An index over a model whose nodes must not change while it is in use."""

    model: onnx.ModelProto

    @cached_property
    def reads(self) -> Sequence[tuple[str, ...]]:
        """What each node reads, constants and what its subgraphs read included."""
        return [
            (*(name for name in node.input if name), *sorted(outer_names(node)))
            for node in self.model.graph.node
        ]

    @cached_property
    def made(self) -> Mapping[str, int]:
        """The position of the node that makes a tensor; constants have none."""
        given = {value.name: GIVEN for value in self.model.graph.input}
        nodes = enumerate(self.model.graph.node)
        return given | {name: position for position, node in nodes for name in node.output if name}

    @cached_property
    def last_read(self) -> Mapping[str, int]:
        """The position of the last node that reads a tensor or a constant."""
        return {name: position for position, names in enumerate(self.reads) for name in names}

    @cached_property
    def kinds(self) -> Mapping[str, onnx.ValueInfoProto]:
        """Type and shape of the tensors for which they are known."""
        graph = self.model.graph
        return {value.name: value for value in (*graph.value_info, *graph.output, *graph.input)}

    def needed_behind(self, position: int) -> frozenset[str]:
        """The names that nodes from `position` on read."""
        return frozenset(name for name, last in self.last_read.items() if last >= position)

    def results(self, position: int) -> frozenset[str]:
        """What the last node before `position` makes."""
        return frozenset(self.model.graph.node[position - 1].output) if position else frozenset()

    def waiting(self, position: int) -> frozenset[str]:
        """What is made before `position` and read behind it, and the last results."""
        names = self.needed_behind(position) | self.results(position)
        return frozenset(name for name in names if self.made.get(name, position) < position)
