"""A graph seen from its tensors: who makes them, who reads them, which are constant."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import onnx
from onnx import numpy_helper

from edgeinfer.frames import Array
from edgeinfer_converters.graph.shapes import Shape, known_shapes, known_types
from edgeinfer_converters.graph.walk import outer_names


@dataclass(frozen=True)
class GraphView:
    """An index over a model that must not change while it is in use."""

    model: onnx.ModelProto

    @cached_property
    def nodes(self) -> tuple[onnx.NodeProto, ...]:
        """The nodes of the main graph, in topological order."""
        return tuple(self.model.graph.node)

    @cached_property
    def positions(self) -> Mapping[str, int]:
        """Where in `nodes` each stands, by its name."""
        return {node.name: position for position, node in enumerate(self.nodes)}

    @cached_property
    def producers(self) -> Mapping[str, onnx.NodeProto]:
        """The node that makes a tensor; inputs and initializers have none."""
        return {name: node for node in self.nodes for name in node.output if name}

    @cached_property
    def readers(self) -> Mapping[str, tuple[onnx.NodeProto, ...]]:
        """The nodes that read a tensor, those whose subgraphs do so included."""
        found: defaultdict[str, list[onnx.NodeProto]] = defaultdict(list)
        for node in self.nodes:
            for name in dict.fromkeys([*node.input, *sorted(outer_names(node))]):
                found[name].append(node)
        return {name: tuple(nodes) for name, nodes in found.items() if name}

    @cached_property
    def initializers(self) -> Mapping[str, onnx.TensorProto]:
        """The constants, by name."""
        return {tensor.name: tensor for tensor in self.model.graph.initializer}

    @cached_property
    def inputs(self) -> tuple[str, ...]:
        """The names of the graph's inputs that are no initializers."""
        return tuple(value.name for value in self.model.graph.input if value.name not in self.initializers)

    @cached_property
    def outputs(self) -> frozenset[str]:
        """The names of the graph's outputs."""
        return frozenset(value.name for value in self.model.graph.output)

    @cached_property
    def shapes(self) -> Mapping[str, Shape]:
        """The shapes that are known."""
        return known_shapes(self.model)

    @cached_property
    def floats(self) -> frozenset[str]:
        """The names of the tensors that are float32."""
        return frozenset(name for name, kind in known_types(self.model).items() if kind == "float32")

    def constant(self, name: str) -> Array:
        """The value of an initializer."""
        return numpy_helper.to_array(self.initializers[name])

    def is_private(self, name: str) -> bool:
        """Whether exactly one node reads a tensor, and the world outside does not see it."""
        return name not in self.outputs and len(self.readers.get(name, ())) == 1


def attribute(node: onnx.NodeProto, name: str, default: int) -> int:
    """An integer attribute of a node."""
    return next((int(one.i) for one in node.attribute if one.name == name), default)


def elements(view: GraphView, name: str) -> int:
    """How many numbers a tensor holds; open dimensions count as one."""
    return math.prod(max(size, 1) for size in view.shapes.get(name, ()))
