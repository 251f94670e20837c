"""Functions of one tensor, number by number, that take one operator or several.

Exporters write HardSwish as Add, Clip, Div and Mul, Gelu with Erf or Tanh, Mish with Softplus and Tanh. What
lies between the tensor and its function is of no use to anything else.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import onnx

from edgeinfer_converters.graph.view import GraphView
from edgeinfer_converters.graph.walk import is_standard

_UNARY = frozenset(
    {
        *("Abs", "Celu", "Clip", "Elu", "Erf", "Exp", "Gelu", "HardSigmoid", "HardSwish", "Identity"),
        *("LeakyRelu", "Log", "Mish", "Neg", "Reciprocal", "Relu", "Selu", "Shrink", "Sigmoid"),
        *("Softplus", "Softsign", "Sqrt", "Swish", "Tanh", "ThresholdedRelu"),
    }
)
_BINARY = frozenset({"Add", "Div", "Max", "Min", "Mul", "PRelu", "Pow", "Sub"})

_LONGEST = 16
"""Operators; Gelu by Tanh takes nine."""

_FARTHEST = 4 * _LONGEST
"""Between the first and the last operator of a formula, in the order of the graph."""


@dataclass(frozen=True)
class Formula:
    """`target` is a function of the numbers of `source`; no other tensor between them is read elsewhere.

    `nodes`: its operators, in topological order.
    """

    source: str
    target: str
    nodes: tuple[onnx.NodeProto, ...]

    @property
    def operators(self) -> frozenset[str]:
        """The types of its operators."""
        return frozenset(node.op_type for node in self.nodes)


def find_formulas(view: GraphView) -> Iterator[Formula]:
    """The longest formula of each float tensor that has one, in topological order; they do not overlap."""
    inside: set[str] = set()
    for name in (*view.inputs, *(name for node in view.nodes for name in node.output if name)):
        if name in inside or name not in view.floats:
            continue
        formula = formula_of(view, name)
        if formula is not None:
            inside.update(node.output[0] for node in formula.nodes[:-1])
            yield formula


def formula_of(view: GraphView, source: str) -> Formula | None:
    """The longest formula that begins at a tensor."""
    return max(formulas_from(view, source), key=lambda found: len(found.nodes), default=None)


def formulas_from(view: GraphView, source: str) -> Iterator[Formula]:
    """All formulas that begin at a tensor, the shorter ones first; each is a part of the next."""
    known, nodes = {source}, list[onnx.NodeProto]()
    for node in _behind(view, source):
        if len(nodes) == _LONGEST:
            break
        fits = is_pointwise(node) and all(_fits(view, name, known) for name in node.input if name)
        if not fits or not _is_like(view, node.output[0], source):
            continue
        nodes.append(node)
        known.add(node.output[0])
        if _ends(view, nodes, known - {source}):
            yield Formula(source, node.output[0], tuple(nodes))


def is_pointwise(node: onnx.NodeProto) -> bool:
    """Whether a node computes each number from those at the same place."""
    outputs = [name for name in node.output if name]
    return is_standard(node) and node.op_type in _UNARY | _BINARY and len(outputs) == 1


def _behind(view: GraphView, source: str) -> Iterator[onnx.NodeProto]:
    """The nodes that read a tensor, or what is made of it number by number, in topological order."""
    reached = {source}
    places = _places(view, [source])
    first, last = min(places, default=0), max(places, default=-1)
    for position in range(first, min(first + _FARTHEST, len(view.nodes))):
        if position > last:
            return
        node = view.nodes[position]
        if reached.intersection(node.input):
            yield node
            if is_pointwise(node):
                reached.update(node.output)
                last = max([last, *_places(view, node.output)])


def _places(view: GraphView, names: Iterable[str]) -> list[int]:
    """Where the readers of tensors stand."""
    return [view.positions[node.name] for name in names for node in view.readers.get(name, ())]


def _is_like(view: GraphView, name: str, source: str) -> bool:
    """Whether a result is of floats and of the same shape: a constant with more dimensions would add some."""
    shape = view.shapes.get(source)
    return name in view.floats and shape is not None and view.shapes.get(name) == shape


def _fits(view: GraphView, name: str, known: set[str]) -> bool:
    """Whether an operand is the tensor, made of it alone, or the same number everywhere."""
    return name in known or (name in view.initializers and math.prod(view.shapes[name]) == 1)


def _ends(view: GraphView, nodes: list[onnx.NodeProto], made: set[str]) -> bool:
    """Whether the last of `nodes` makes the only tensor that others read."""
    names = {node.name for node in nodes}
    seen = {
        name
        for name in made
        if name in view.outputs or any(reader.name not in names for reader in view.readers.get(name, ()))
    }
    return seen == {nodes[-1].output[0]}
