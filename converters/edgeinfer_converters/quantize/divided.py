"""x * sigmoid(x) and HardSwish with a scale for each channel, all in integers.

The functions do not commute with a factor, so equalization cannot help. But each of their operands does: the
convolution gives x / s with channels alike, and the products behind take s into their weights. Only the gate
needs x as it was, which matters no further than from -8 to 8, or from -3 to 3: a pointwise convolution
multiplies each channel by its s. That is one more pass over the tensor, about as long as the sigmoid's or the
product's. HardSwish becomes a product with clip(x + 3, 0, 6), which the convolution gives by saturation.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import astuple, dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
from onnx import helper, numpy_helper

from edgeinfer_converters.graph.naming import names_of
from edgeinfer_converters.graph.shapes import infer_shapes
from edgeinfer_converters.graph.view import GraphView, elements
from edgeinfer_converters.quantize.equalize import scaled_weights
from edgeinfer_converters.quantize.extremes import Extremes
from edgeinfer_converters.quantize.gates import (
    Floats,
    Gate,
    common_range,
    few_levels,
    find_gates,
)

VERY_FEW_LEVELS, FEW_LEVELS = 16, 32
SHARE_OF_CHANNELS = 0.1
"""A gate is divided where more of its channels than this share would have fewer than so many levels of 256:
with very few whatever it costs, with few within MAX_COST."""

MAX_COST = 0.15
"""Of the elements that the model's convolutions write, those that are gone over once more, for gates that
could do without."""

DENSE_CHANNELS = 16
"""Up to so many channels the factors are a matrix: ONNX Runtime's kernel for matrices takes 0.40 ms for
16 channels of 208 x 208 pixels, the one for a factor each 0.73 ms; with 32 channels both take as long
(onnxruntime 1.32, x86-64 with AVX2, one thread)."""


@dataclass(frozen=True)
class _Division:
    """How a gate could be divided: its channels by `divisors`, to values of -`share` to 1. It is `needed`
    where channels have very few levels; `few` of them have few, and `cost` as in MAX_COST."""

    gate: Gate
    divisors: Floats
    share: float
    needed: bool
    few: float
    cost: float


@dataclass(frozen=True)
class _Names:
    """What a division calls its tensors, then its nodes."""

    closed: str
    whole: str
    least: str
    factors: str
    biases: str
    open: str
    shut: str
    wide: str
    clip: str
    again: str
    bound: str

    @classmethod
    def of(cls, gate: Gate) -> _Names:
        source, wish = gate.source, gate.name
        return cls(
            closed=f"{source}_closed",
            whole=f"{source}_whole",
            least=f"{source}_least",
            factors=f"{source}_factors",
            biases=f"{source}_biases",
            open=f"{source}_open",
            shut=f"{source}_shut",
            wide=f"{source}_wide",
            clip=f"{wish}_clip",
            again=f"{wish}_again",
            bound=f"{wish}_bound",
        )


@dataclass(frozen=True)
class Divided:
    """A graph, and how many of its gates are divided by channel."""

    model: onnx.ModelProto
    gates: int = 0


def divide_gates(model: onnx.ModelProto, ranges: Mapping[str, Extremes], *, thrifty: bool = False) -> Divided:
    """The same function, within 0.003 where a gate is closed, with the gates divided that are worth it.

    `ranges` has those of `gate_tensors`. `thrifty`: only those that need it, with as few multiply-accumulates
    as possible, where these are counted rather than the time they take.
    """
    chosen = _choose(_divisions(model, ranges), 0.0 if thrifty else MAX_COST)
    if not chosen:
        return Divided(model)
    dense = 1 if thrifty else DENSE_CHANNELS
    changed = _divided(model, {one.gate.conv.name: one for one in chosen}, dense)
    return Divided(infer_shapes(changed), len(chosen))


def _divisions(model: onnx.ModelProto, ranges: Mapping[str, Extremes]) -> list[_Division]:
    view = GraphView(model)
    total = sum(elements(view, node.output[0]) for node in view.nodes if node.op_type == "Conv")
    found = []
    taken = names_of(model)
    for gate in find_gates(view):
        if not taken.isdisjoint(astuple(_Names.of(gate))):
            continue
        extremes = ranges[gate.source]
        few = few_levels(extremes, FEW_LEVELS, gate.closed)
        if few > SHARE_OF_CHANNELS:
            above = np.maximum(extremes.high, 0.0).astype(np.float64)
            below = np.clip(-extremes.low, 0.0, -gate.closed).astype(np.float64)
            needed = few_levels(extremes, VERY_FEW_LEVELS, gate.closed) > SHARE_OF_CHANNELS
            cost = elements(view, gate.source) / total
            found.append(_Division(gate, *common_range(above, below), needed, few, cost))
    return found


def _choose(found: list[_Division], budget: float) -> list[_Division]:
    """Those that need it, and of the others those with the most channels of few levels."""
    chosen = [one for one in found if one.needed]
    for one in sorted(found, key=lambda one: (-one.few, one.gate.name)):
        if not one.needed and one.cost <= budget:
            budget -= one.cost
            chosen.append(one)
    return chosen


def _divided(model: onnx.ModelProto, chosen: Mapping[str, _Division], most_dense: int) -> onnx.ModelProto:
    changed = onnx.ModelProto()
    changed.CopyFrom(model)
    constants = {tensor.name: tensor for tensor in changed.graph.initializer}
    by_node = {node.name: one for one in chosen.values() for node in one.gate.nodes}
    nodes: list[onnx.NodeProto] = []
    for node in list(changed.graph.node):
        if node.name in chosen:
            nodes.extend(_by_channel(chosen[node.name], node, constants, changed, most_dense))
            continue
        if node.name in by_node:
            nodes.extend(_gate_of(by_node[node.name].gate, node, changed))
            continue
        nodes.append(node)
    copies = [onnx.NodeProto.FromString(node.SerializeToString()) for node in nodes]
    del changed.graph.node[:]
    changed.graph.node.extend(copies)
    return changed


def _gate_of(gate: Gate, node: onnx.NodeProto, model: onnx.ModelProto) -> list[onnx.NodeProto]:
    """A node of the gate, which multiplies the divided channels by what the others open."""
    names = _Names.of(gate)
    if gate.is_hard:
        bounds = ((names.shut, 0.0), (names.wide, gate.most))
        model.graph.initializer.extend(_tensor(np.array(value), name) for name, value in bounds)
        return [
            helper.make_node("Clip", [names.whole, names.shut, names.wide], [names.open], names.bound),
            helper.make_node("Mul", [names.closed, names.open], [gate.target], gate.name),
        ]
    part = names.closed if node.name == gate.name else names.whole
    for index, name in enumerate(node.input):
        node.input[index] = part if name == gate.source else name
    return [node]


def _by_channel(
    division: _Division,
    conv: onnx.NodeProto,
    constants: Mapping[str, onnx.TensorProto],
    model: onnx.ModelProto,
    most_dense: int,
) -> list[onnx.NodeProto]:
    """The convolution divided by channel, and what multiplies it again: a matrix for up to `most_dense`
    channels. Readers' weights make up for it."""
    gate, divisors, ones = division.gate, division.divisors, np.ones(1)
    names, channels = _Names.of(gate), len(division.divisors)
    weights, bias = (numpy_helper.to_array(constants[name]) for name in conv.input[1:3])
    new = {conv.input[1]: scaled_weights(conv, weights, divisors, ones), conv.input[2]: bias / divisors}
    for reader in gate.readers:
        read = numpy_helper.to_array(constants[reader.input[1]])
        new[reader.input[1]] = scaled_weights(reader, read, ones, divisors / gate.most)
    for name, values in new.items():
        constants[name].CopyFrom(_tensor(values, name))
    dense = channels <= most_dense
    factors = (np.diag(divisors) if dense else divisors).reshape(channels, -1, 1, 1)
    for name, values in (
        (names.least, np.array(-division.share)),
        (names.factors, factors),
        (names.biases, np.full(channels, -gate.closed if gate.is_hard else 0.0)),
    ):
        model.graph.initializer.append(_tensor(values, name))
    again = [names.closed, names.factors, names.biases]
    return [
        conv,
        helper.make_node("Clip", [gate.source, names.least], [names.closed], names.clip),
        helper.make_node(
            "Conv", again, [names.whole], names.again, kernel_shape=[1, 1], group=1 if dense else channels
        ),
    ]


def _tensor(values: npt.NDArray[Any], name: str) -> onnx.TensorProto:
    return numpy_helper.from_array(values.astype(np.float32), name)
