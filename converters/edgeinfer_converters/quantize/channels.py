"""Channels and what ties them together: which can be scaled, as long as their readers scale back.

A channel of a tensor belongs to a class: the channels that hold the same values up to operators that
commute with a positive factor. Scaling a class is invisible from outside if every tensor in it comes
from a product and goes into products; a class that touches anything else is fixed.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import onnx

from edgeinfer_converters.graph.classes import Classes, Indices
from edgeinfer_converters.graph.view import GraphView, attribute
from edgeinfer_converters.graph.walk import is_standard
from edgeinfer_converters.quantize.operators import clamp_bounds, product_fault

_KEEPS = frozenset({"AveragePool", "GlobalAveragePool", "LeakyRelu", "MaxPool", "Relu"})
"""f(s * x) = s * f(x) for s > 0, channel by channel."""

_FLATTENS = frozenset({"Flatten", "Reshape", "Squeeze"})


@dataclass(frozen=True)
class ChannelClasses:
    """`classes`: for each tensor the class of each of its channels (axis 1), numbered below `count`.

    `fixed` marks classes that must not be scaled. `bounds`: tensors that a Clip bounds from above,
    with the bound. `products`: names of the nodes whose weights can take the factors in.
    """

    classes: Mapping[str, Indices]
    count: int
    fixed: npt.NDArray[np.bool_]
    bounds: Mapping[str, float]
    products: frozenset[str]


def channel_classes(view: GraphView) -> ChannelClasses:
    """The classes of all tensors of a prepared graph that have channels."""
    return _Finder(view).find()


def channels_of(view: GraphView, name: str) -> int | None:
    """The size of axis 1; None where there is no such axis, or its size is open."""
    shape = view.shapes.get(name, ())
    return shape[1] if len(shape) > 1 and shape[1] > 0 else None


class _Finder:
    def __init__(self, view: GraphView) -> None:
        self._view = view
        self._classes: dict[str, Indices] = {}
        self._members = Classes()
        self._fixed: set[int] = set()
        self._bounds: dict[str, float] = {}
        self._products: set[str] = set()
        shared = [name for node in view.nodes for name in dict.fromkeys(node.input[1:3])]
        self._shared = {name for name in shared if shared.count(name) > 1}

    def find(self) -> ChannelClasses:
        for name in self._view.inputs:
            self._isolate(name)
        for node in self._view.nodes:
            if not self._follow(node):
                self._cut(node)
        for name in self._view.outputs:
            self._fix(name)
        roots = self._members.roots()
        fixed = np.zeros(len(roots), bool)
        fixed[[roots[index] for index in self._fixed]] = True
        classes = {name: roots[indices] for name, indices in self._classes.items()}
        return ChannelClasses(classes, len(roots), fixed, self._bounds, frozenset(self._products))

    def _follow(self, node: onnx.NodeProto) -> bool:
        """Tie the channels of an operator's result to those of its inputs; False if it is not known how."""
        sources = [name for name in node.input if name]
        if not is_standard(node) or len(node.output) != 1 or not sources or sources[0] not in self._classes:
            return False
        if node.op_type in ("Conv", "Gemm"):
            return self._product(node)
        if node.op_type == "Add":
            return self._add(node)
        if node.op_type == "Concat":
            return self._concatenate(node)
        return self._keep(node)

    def _product(self, node: onnx.NodeProto) -> bool:
        constants = list(node.input[1:])
        if product_fault(node, self._view) or self._shared & set(constants):
            return False
        if node.op_type == "Gemm" and len(constants) > 1 and len(self._view.shapes[constants[1]]) != 1:
            return False
        self._classes[node.output[0]] = self._members.new(channels_of(self._view, node.output[0]) or 0)
        self._products.add(node.name)
        return True

    def _keep(self, node: onnx.NodeProto) -> bool:
        source, target = node.input[0], node.output[0]
        if node.op_type == "Clip":
            bounds = clamp_bounds(node, self._view)
            if bounds is None or bounds[0] != 0.0 or (bounds[1] is not None and bounds[1] <= 0):
                return False
            if bounds[1] is not None:
                self._bounds[target] = bounds[1]
        elif node.op_type in _FLATTENS:
            if not self._only_drops_ones(source, target):
                return False
        elif node.op_type not in _KEEPS:
            return False
        self._classes[target] = self._classes[source]
        return True

    def _only_drops_ones(self, source: str, target: str) -> bool:
        same = channels_of(self._view, source) == channels_of(self._view, target)
        return same and all(dim == 1 for dim in self._view.shapes[source][2:])

    def _add(self, node: onnx.NodeProto) -> bool:
        if any(name not in self._classes for name in node.input):
            return False
        one, other = (self._classes[name] for name in node.input)
        if len(one) != len(other):
            return False
        for left, right in zip(one.tolist(), other.tolist(), strict=True):
            self._members.unite(left, right)
        self._classes[node.output[0]] = one
        return True

    def _concatenate(self, node: onnx.NodeProto) -> bool:
        if attribute(node, "axis", 0) != 1 or any(name not in self._classes for name in node.input):
            return False
        self._classes[node.output[0]] = np.concatenate([self._classes[name] for name in node.input])
        return True

    def _cut(self, node: onnx.NodeProto) -> None:
        for reader_input in [*node.input, *self._captured(node)]:
            self._fix(reader_input)
        for name in node.output:
            self._isolate(name)

    def _captured(self, node: onnx.NodeProto) -> list[str]:
        return [name for name in self._classes if node in self._view.readers.get(name, ())]

    def _isolate(self, name: str) -> None:
        size = channels_of(self._view, name)
        if size:
            self._classes[name] = self._members.new(size)
            self._fix(name)

    def _fix(self, name: str) -> None:
        if name in self._classes:
            self._fixed.update(self._classes[name].tolist())
