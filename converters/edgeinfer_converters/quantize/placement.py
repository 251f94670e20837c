"""Where QuantizeLinear and DequantizeLinear go: decided on the float graph, before any range is known.

- Products (convolutions and matrix products with constant weights, matrix products of two activations)
  are integer unless excluded. In TFLite those of two activations are not, nor depthwise convolutions over
  large windows: XNNPACK has no integer kernels for them, and each would break its work in two (a small
  vision transformer takes 0.8 of the time with floats there).
- Other operators are integer if they have an integer kernel and a product follows somewhere behind: the
  tail of a network (decoding of boxes, softmax) costs little and is where 8 bits hurt most. Some arithmetic
  stays float wherever it is, see `float_math`.
- A tensor is quantized if an integer operator reads it, or makes it and must make integers.
- A Relu or Clip directly behind an integer operator is absorbed: its output is what is quantized.
- Tensors that operators only move share one scale, also through a concatenation, as long as nothing
  else needs a finer scale for one of its inputs, and none of them is constant.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import onnx

from edgeinfer_converters.graph.view import GraphView
from edgeinfer_converters.quantize.float_math import float_math
from edgeinfer_converters.quantize.front_end import front_end
from edgeinfer_converters.quantize.operators import (
    FLOAT_RESULT,
    MOST_TAPS,
    PRODUCTS,
    clamp_bounds,
    data_inputs,
    is_compute,
    is_depthwise,
    is_move,
    product_fault,
    weighs_probabilities,
    weight_input,
)


@dataclass(frozen=True)
class Placement:
    """What is integer in a graph.

    `nodes`: names of integer operators. `tensors`: activations that are quantized, in topological order.
    `absorbed`: for the output of each integer operator that a clamp follows, that clamp's output.
    `leader`: for each quantized tensor the one whose scale it has. `floats`: products that stay float,
    with the reason. `finals`: results of integer products that no other product follows. `integer_results`:
    as it was asked for.
    """

    nodes: frozenset[str]
    tensors: tuple[str, ...]
    absorbed: Mapping[str, str]
    leader: Mapping[str, str]
    floats: Mapping[str, str]
    finals: frozenset[str] = frozenset()
    integer_results: bool = False

    def groups(self) -> Mapping[str, list[str]]:
        """The quantized tensors that share a scale, by their leader."""
        groups: dict[str, list[str]] = {}
        for name in self.tensors:
            groups.setdefault(self.leader[name], []).append(name)
        return groups


def place(
    view: GraphView, exclude: frozenset[str] = frozenset(), *, integer_results: bool = False
) -> Placement:
    """Decide for a prepared graph; operators named in `exclude` stay float.

    `integer_results`: the runtime's integer products give integers only (TFLite), none gives floats.
    """
    floats = dict(_float_products(view, exclude, integer_results=integer_results))
    products = frozenset(node.name for node in view.nodes if node.op_type in PRODUCTS) - floats.keys()
    nodes = products | _helpers(view, products, exclude)
    absorbed = dict(_absorbed(view, nodes))
    float_results = frozenset[str]() if integer_results else FLOAT_RESULT
    tensors = tuple(dict.fromkeys(_quantized(view, nodes, absorbed, float_results)))
    finals = frozenset(_finals(view, products, tensors))
    leaders = _leaders(view, nodes, tensors)
    return Placement(nodes, tensors, absorbed, leaders, floats, finals, integer_results)


def _finals(view: GraphView, products: frozenset[str], tensors: tuple[str, ...]) -> Iterator[str]:
    leading = _leading(view)
    for name in tensors:
        producer = view.producers.get(name)
        if producer is not None and producer.name in products and name not in leading:
            yield name


def _leading(view: GraphView) -> set[str]:
    """The tensors behind which a layer follows somewhere."""
    found: set[str] = set()
    for node in reversed(view.nodes):
        is_layer = node.op_type in PRODUCTS and not weighs_probabilities(node, view)
        if is_layer or any(name in found for name in node.output):
            found.update(node.input)
    return found


def observed_tensors(view: GraphView) -> tuple[str, ...]:
    """The tensors whose values quantization needs to know: where values are computed, not moved."""
    found: dict[str, None] = {}
    for integer_results in (True, False):
        placement = place(view, integer_results=integer_results)
        for name in placement.tensors:
            if not _is_moved(view, name, placement.leader):
                found[name] = None
    return tuple(found)


def _is_moved(view: GraphView, name: str, leader: Mapping[str, str]) -> bool:
    producer = view.producers.get(name)
    if producer is None:
        return False
    sources = [source for source in data_inputs(producer) if source in leader]
    return (is_move(producer) or producer.op_type == "Concat") and any(
        leader[source] == leader[name] for source in sources
    )


def _float_products(
    view: GraphView, exclude: frozenset[str], *, integer_results: bool
) -> Iterator[tuple[str, str]]:
    """The names of the products that stay float, and the reasons."""
    signal = front_end(view)
    for node in view.nodes:
        if node.op_type in PRODUCTS:
            reason = "it was excluded" if node.name in exclude else product_fault(node, view)
            if node.name in signal:
                reason = "it makes a spectrum of the signal"
            elif integer_results and not reason:
                reason = _slow_in_tflite(node, view)
            if reason:
                yield node.name, reason


def _slow_in_tflite(node: onnx.NodeProto, view: GraphView) -> str | None:
    """Why XNNPACK computes a product faster in float: it has no integer kernel for it."""
    if node.input[0] in view.initializers:
        return "TFLite has no integer kernel for a constant times an activation"
    if weight_input(node, view) is None:
        return "TFLite multiplies two activations faster in float"
    if is_depthwise(node, view) and math.prod(view.shapes[node.input[1]][2:]) > MOST_TAPS:
        return f"TFLite has no integer kernel for more than {MOST_TAPS} taps"
    return None


def _helpers(view: GraphView, products: frozenset[str], exclude: frozenset[str]) -> frozenset[str]:
    """The other operators that are integer: those in front of a product."""
    found: set[str] = set()
    before_product: set[str] = set()
    exclude |= float_math(view)
    for node in reversed(view.nodes):
        leads_on = any(name in before_product for name in node.output)
        if leads_on or node.name in products:
            before_product.update(node.input)
        if leads_on and node.name not in exclude and _can_help(node, view):
            found.add(node.name)
    return frozenset(found)


def _can_help(node: onnx.NodeProto, view: GraphView) -> bool:
    names = [*data_inputs(node), *(name for name in node.output if name)]
    if any(name not in view.floats for name in names):
        return False
    constants = [name for name in data_inputs(node) if name in view.initializers]
    if any(not np.isfinite(view.constant(name)).all() for name in constants):
        return False  # a mask
    return (is_compute(node) and len(constants) < len(data_inputs(node))) or (is_move(node) and not constants)


def _absorbed(view: GraphView, nodes: frozenset[str]) -> Iterator[tuple[str, str]]:
    for node in view.nodes:
        source = node.input[0] if node.input else ""
        producer = view.producers.get(source)
        if producer is None or producer.name not in nodes or is_move(producer) or not view.is_private(source):
            continue
        bounds = clamp_bounds(node, view)
        if bounds and _holds_zero(*bounds):
            yield source, node.output[0]


def _holds_zero(low: float | None, high: float | None) -> bool:
    # Zero is always representable: where it is clamped away, saturation is no clamp.
    return (low is None or low <= 0.0) and (high is None or high >= 0.0)


def _quantized(
    view: GraphView, nodes: frozenset[str], absorbed: Mapping[str, str], float_results: frozenset[str]
) -> Iterator[str]:
    needed = {name for node in view.nodes if node.name in nodes for name in _activations(node, view)}
    yield from (name for name in view.inputs if name in needed)
    for node in view.nodes:
        for name in node.output:
            final = absorbed.get(name, name)
            must = node.name in nodes and node.op_type not in float_results
            if name and (final in needed or must):
                yield final


def _activations(node: onnx.NodeProto, view: GraphView) -> list[str]:
    weights = weight_input(node, view) if node.op_type in PRODUCTS else None
    return [name for name in data_inputs(node) if name != weights and name not in view.initializers]


def _leaders(view: GraphView, nodes: frozenset[str], tensors: tuple[str, ...]) -> Mapping[str, str]:
    groups = _Groups(tensors)
    integer = [node for node in view.nodes if node.name in nodes]
    for node in integer:
        if is_move(node):
            for name in node.output:
                groups.join(node.input[0], name)
    for node in integer:
        joins = node.op_type == "Concat" and not any(name in view.initializers for name in node.input)
        if joins and node.output[0] in groups.leader:
            for name in data_inputs(node):
                if name in groups.leader and _only_for_concats(view, groups.members(name)):
                    groups.join(name, node.output[0])
    return groups.leader


def _only_for_concats(view: GraphView, members: list[str]) -> bool:
    readers = [reader for name in members for reader in view.readers.get(name, ())]
    return all(is_move(reader) or reader.op_type == "Concat" for reader in readers)


class _Groups:
    """Sets of tensors; the first of a set in topological order leads it."""

    def __init__(self, names: tuple[str, ...]) -> None:
        self.leader = {name: name for name in names}
        self._rank = {name: rank for rank, name in enumerate(names)}

    def members(self, name: str) -> list[str]:
        return [other for other, leader in self.leader.items() if leader == self.leader[name]]

    def join(self, one: str, other: str) -> None:
        if one not in self.leader or other not in self.leader:
            return
        first = min(self.leader[one], self.leader[other], key=self._rank.__getitem__)
        for name in [*self.members(one), *self.members(other)]:
            self.leader[name] = first
