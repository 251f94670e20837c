"""x * sigmoid(x) where channels differ too much for one scale: computed in float, with a scale for each.

The function does not commute with a factor, so equalization cannot help. But the factor may be undone
before it and applied again behind it: the product gives x / s, the float operators make
y / t = (x / s) * (s / t) * sigmoid((x / s) * s) of it, and the products behind take t into their weights.
It costs float arithmetic, hence only where many channels would be left with a few levels.

All channels then reach from -share to 1. A channel that is nearly always closed has next to nothing above
zero and wants as many levels below it; the others want few there.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import onnx
from onnx import helper, numpy_helper

from edgeinfer_converters.graph.view import GraphView
from edgeinfer_converters.quantize.activations import is_silu
from edgeinfer_converters.quantize.equalize import scaled_weights
from edgeinfer_converters.quantize.extremes import Extremes
from edgeinfer_converters.quantize.operators import product_fault

FEW_LEVELS = 16
SHARE_OF_CHANNELS = 0.1
"""A gate is opened where more of its channels than this would have fewer than FEW_LEVELS of 256."""

CLOSED = -8.0
"""Below, x * sigmoid(x) is within 0.003 of zero."""

LOWEST = 0.2785
"""The least that x * sigmoid(x) becomes, negated."""

SHARES = np.arange(127, 11, -5) / (255 - np.arange(127, 11, -5))
"""How far all channels go below zero, of how far they go above it: the shares that are tried. Both ends of
such a range are whole steps from zero."""

_SMALLEST = 1e-6
Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Gate:
    """x * sigmoid(x) behind a convolution: what is read from `source` and becomes `target`."""

    conv: onnx.NodeProto
    sigmoid: onnx.NodeProto
    mul: onnx.NodeProto
    readers: tuple[onnx.NodeProto, ...]

    @property
    def source(self) -> str:
        return str(self.conv.output[0])

    @property
    def target(self) -> str:
        return str(self.mul.output[0])


def gate_tensors(view: GraphView) -> tuple[str, ...]:
    """The tensors whose ranges of channels `open_gates` wants to know."""
    return tuple(gate.source for gate in find_gates(view))


def open_gates(
    model: onnx.ModelProto, ranges: Mapping[str, Extremes]
) -> tuple[onnx.ModelProto, frozenset[str]]:
    """The same function, within 0.003 where a gate is closed, and the names of operators to keep float."""
    view = GraphView(model)
    chosen = {gate.mul.name: gate for gate in find_gates(view) if _is_uneven(ranges[gate.source])}
    if not chosen:
        return model, frozenset()
    changed = onnx.ModelProto()
    changed.CopyFrom(model)
    inside = {gate.sigmoid.name for gate in chosen.values()}
    constants = {tensor.name: tensor for tensor in changed.graph.initializer}
    nodes: list[onnx.NodeProto] = []
    floats: set[str] = set()
    for node in view.nodes:
        if node.name in chosen:
            made = _open(chosen[node.name], ranges[chosen[node.name].source], constants, changed)
            nodes.extend(made)
            floats.update(one.name for one in made if one.op_type != "Clip")
        elif node.name not in inside:
            nodes.append(node)
    copies = [onnx.NodeProto.FromString(node.SerializeToString()) for node in nodes]
    del changed.graph.node[:]
    changed.graph.node.extend(copies)
    return changed, frozenset(floats)


def find_gates(view: GraphView) -> list[Gate]:
    """The gates behind a convolution that only convolutions read, in topological order."""
    found = []
    for conv in view.nodes:
        if conv.op_type != "Conv" or len(conv.input) < 3 or product_fault(conv, view):
            continue
        if len(view.shapes.get(conv.output[0], ())) != 4 or not is_silu(view, conv.output[0]):
            continue
        by_type = {node.op_type: node for node in view.readers[conv.output[0]]}
        gate = Gate(conv, by_type["Sigmoid"], by_type["Mul"], view.readers.get(by_type["Mul"].output[0], ()))
        readers_fit = all(one.op_type == "Conv" and not product_fault(one, view) for one in gate.readers)
        if gate.readers and readers_fit and gate.target not in view.outputs and _own_weights(view, gate):
            found.append(gate)
    return found


def _own_weights(view: GraphView, gate: Gate) -> bool:
    names = [*gate.conv.input[1:3], *(reader.input[1] for reader in gate.readers)]
    return all(len(view.readers[name]) == 1 for name in names)


def _is_uneven(extremes: Extremes) -> bool:
    return few_levels(extremes, FEW_LEVELS) > SHARE_OF_CHANNELS


def few_levels(extremes: Extremes, levels: int) -> float:
    """The share of channels that would have fewer than `levels` of 256 with one scale for all.

    A channel counts as far as it goes from zero, and below as far as it matters behind the gate.
    """
    reach = np.maximum(extremes.high, np.minimum(-extremes.low, -CLOSED)).astype(np.float64)
    return float((reach < reach.max(initial=0.0) * levels / 256).mean())


def _open(
    gate: Gate,
    extremes: Extremes,
    constants: Mapping[str, onnx.TensorProto],
    model: onnx.ModelProto,
) -> list[onnx.NodeProto]:
    above = np.maximum(extremes.high, 0.0).astype(np.float64)
    below = np.clip(-extremes.low, 0.0, -CLOSED).astype(np.float64)
    before, least = common_range(above, below)
    behind, _ = common_range(above, np.full_like(above, LOWEST))
    ones = np.ones(1)
    for name, values in (
        (gate.conv.input[1], scaled_weights(gate.conv, _value(constants, gate.conv.input[1]), before, ones)),
        (gate.conv.input[2], _value(constants, gate.conv.input[2]) / before),
        *(
            (one.input[1], scaled_weights(one, _value(constants, one.input[1]), ones, behind))
            for one in gate.readers
        ),
    ):
        constants[name].CopyFrom(numpy_helper.from_array(values.astype(np.float32), name))
    wish = gate.mul.name
    names = {part: f"{gate.source}_{part}" for part in ("closed", "scaled", "gated", "undo", "redo", "least")}
    for part, values in (("undo", before), ("redo", before / behind)):
        tensor = values.astype(np.float32).reshape(1, -1, 1, 1)
        model.graph.initializer.append(numpy_helper.from_array(tensor, names[part]))
    model.graph.initializer.append(numpy_helper.from_array(np.array(-least, np.float32), names["least"]))
    return [
        helper.make_node("Clip", [gate.source, names["least"]], [names["closed"]], f"{wish}_clip"),
        helper.make_node("Mul", [names["closed"], names["undo"]], [names["scaled"]], f"{wish}_undo"),
        helper.make_node("Sigmoid", [names["scaled"]], [gate.sigmoid.output[0]], f"{wish}_gate"),
        helper.make_node("Mul", [names["closed"], names["redo"]], [names["gated"]], f"{wish}_redo"),
        helper.make_node("Mul", [names["gated"], gate.sigmoid.output[0]], [gate.target], wish),
    ]


def common_range(above: Floats, below: Floats) -> tuple[Floats, float]:
    """What brings channels from -below to above into one range from -share to 1; and this share.

    The share is the one with which the noise of rounding is least, as a part of each channel's reach.
    """
    reach = np.maximum(np.maximum(above, below), _SMALLEST)
    divisors = [np.maximum(np.maximum(above, below / share), _SMALLEST) for share in SHARES]
    noises = [
        (1 + share) ** 2 * np.square(one / reach).sum() for share, one in zip(SHARES, divisors, strict=True)
    ]
    best = int(np.argmin(noises))
    return divisors[best], float(SHARES[best])


def _value(constants: Mapping[str, onnx.TensorProto], name: str) -> npt.NDArray[np.float32]:
    return numpy_helper.to_array(constants[name]).astype(np.float32)
