"""What a network costs in time on a device while its groups keep some of their channels.

The model of `edgeinfer_converters.judging.estimate`: an operator's multiply-accumulates at one rate, its
bytes at another, and an overhead that no pruning saves. So a layer that moves much and multiplies little is
better made smaller than its multiply-accumulates say.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import onnx

from edgeinfer.profile import Cost as Rates
from edgeinfer_converters.graph.shapes import infer_shapes
from edgeinfer_converters.graph.view import GraphView
from edgeinfer_converters.graph.weights import outlined
from edgeinfer_converters.judging.estimate import operator_ms
from edgeinfer_converters.prune.budget import Cost, Kept
from edgeinfer_converters.prune.cost import Side, Sides, left, sides_of
from edgeinfer_converters.prune.groups import Grouping
from edgeinfer_converters.quantize.work import Work, work_of

NARROWER = {"float32": 1.0, "int8": 0.25}
"""Bytes of a number in each arithmetic, for one of the float graph that is pruned."""


@dataclass(frozen=True)
class _Term:
    """A part of an operator's time, that falls with the channels of each of the tensors named by sides."""

    ms: float
    tensors: Sequence[Sequence[Side]]

    def left_ms(self, kept: Kept) -> float:
        return self.ms * math.prod(left(sides, kept) for sides in self.tensors)


def latency_cost(rates: Rates, view: GraphView, grouping: Grouping) -> Cost:
    """Milliseconds of a prepared float graph with known shapes, in the arithmetic that the rates are of."""
    outline = infer_shapes(outlined(view.model))
    nodes = {node.name: node for node in view.nodes}
    sides = sides_of(view, grouping)
    terms = [term for work in work_of(outline) for term in _terms(work, nodes[work.name], rates, view, sides)]

    def cost(kept: Kept) -> float:
        return sum(term.left_ms(kept) for term in terms)

    return cost


def _terms(work: Work, node: onnx.NodeProto, rates: Rates, view: GraphView, sides: Sides) -> Iterator[_Term]:
    """The multiply-accumulates, each tensor that is moved, and the overhead."""
    read, made = sides.read.get(node.name, ()), sides.made.get(node.output[0], ())
    computed = operator_ms(_only(work, macs=work.macs), rates) - operator_ms(_only(work), rates)
    yield _Term(computed, (read, made))
    yield _Term(operator_ms(_only(work), rates), ())
    moved = work.moved_bytes * NARROWER[rates.precision] / rates.gigabytes_per_s / 1e6
    sizes = {name: math.prod(max(dim, 1) for dim in view.shapes.get(name, ())) for name in _tensors(node)}
    for name, size in sizes.items():
        ms = moved * size / max(sum(sizes.values()), 1)
        yield _Term(ms, (read, made) if name in view.initializers else (sides.made.get(name, ()),))


def _only(work: Work, macs: int = 0) -> Work:
    """An operator that moves nothing."""
    return Work(work.name, work.operator, work.arithmetic, macs, work.depthwise, 0)


def _tensors(node: onnx.NodeProto) -> list[str]:
    return [name for name in dict.fromkeys((*node.input, *node.output)) if name]
