"""x * sigmoid(x) with a scale for each channel, all in integers: its convolution is computed twice.

The function does not commute with a factor (see `gates`), but each of its operands does: one convolution
gives x / s with channels alike, a second one, with the weights as they were, gives the x that the gate is
made of, which matters only from -8 to 8; the products behind take s into their weights. It costs another
convolution, hence it is done only where that is small and many channels would be left with few levels.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import onnx
from onnx import helper, numpy_helper

from edgeinfer_converters.graph.macs import count_macs
from edgeinfer_converters.graph.view import GraphView
from edgeinfer_converters.quantize.equalize import scaled_weights
from edgeinfer_converters.quantize.extremes import Extremes
from edgeinfer_converters.quantize.gates import (
    SHARE_OF_CHANNELS,
    Floats,
    Gate,
    common_range,
    few_levels,
    find_gates,
)

DEEPEST = 4.0
"""Below -4 x may be cut off, as long as its gate is not: x * sigmoid(x) changes by 0.01 at most."""

FEW_LEVELS = 32
"""A gate is divided where more than a tenth of its channels would have fewer levels than this of 256."""

MAX_COST, MAX_COST_OF_ALL = 0.025, 0.06
"""Of the model's multiply-accumulates, that come on top for one gate and for all."""


@dataclass(frozen=True)
class _Division:
    """How a gate could be divided: its channels by `divisors`, to values of -`share` to 1. It has `few`
    channels with few levels, and costs a share of the model's multiply-accumulates."""

    gate: Gate
    divisors: Floats
    share: float
    few: float
    cost: float


def divide_gates(model: onnx.ModelProto, ranges: Mapping[str, Extremes]) -> onnx.ModelProto:
    """The same function, within 0.02 where a gate is closed, with the gates divided that are worth it.

    `ranges` has those of `gate_tensors`.
    """
    chosen = _choose(_divisions(model, ranges))
    return _divided(model, {one.gate.conv.name: one for one in chosen}) if chosen else model


def _divisions(model: onnx.ModelProto, ranges: Mapping[str, Extremes]) -> list[_Division]:
    macs = count_macs(model)
    total = max(sum(macs.values()), 1)
    found = []
    taken = {name for node in model.graph.node for name in (node.name, *node.input, *node.output)}
    for gate in find_gates(GraphView(model)):
        if not taken.isdisjoint(_new_names(gate)):
            continue
        extremes = ranges[gate.source]
        few = few_levels(extremes, FEW_LEVELS)
        if few > SHARE_OF_CHANNELS:
            above = np.maximum(extremes.high, 0.0).astype(np.float64)
            below = np.clip(-extremes.low, 0.0, DEEPEST).astype(np.float64)
            found.append(_Division(gate, *common_range(above, below), few, macs[gate.conv.name] / total))
    return found


def _choose(found: list[_Division]) -> list[_Division]:
    """Those with the most channels of few levels, until what they may cost is used up."""
    chosen: list[_Division] = []
    budget = MAX_COST_OF_ALL
    for one in sorted(found, key=lambda one: (-one.few, one.gate.mul.name)):
        if one.cost <= min(budget, MAX_COST):
            budget -= one.cost
            chosen.append(one)
    return chosen


def _divided(model: onnx.ModelProto, chosen: Mapping[str, _Division]) -> onnx.ModelProto:
    changed = onnx.ModelProto()
    changed.CopyFrom(model)
    constants = {tensor.name: tensor for tensor in changed.graph.initializer}
    by_node = {name: one for one in chosen.values() for name in (one.gate.sigmoid.name, one.gate.mul.name)}
    nodes: list[onnx.NodeProto] = []
    for node in list(changed.graph.node):
        if node.name in chosen:
            nodes.extend(_twice(chosen[node.name], node, constants, changed))
            continue
        if node.name in by_node:
            gate = by_node[node.name].gate
            part = _whole(gate.source) if node.name == gate.sigmoid.name else _closed(gate.source)
            for index, name in enumerate(node.input):
                node.input[index] = part if name == gate.source else name
        nodes.append(node)
    copies = [onnx.NodeProto.FromString(node.SerializeToString()) for node in nodes]
    del changed.graph.node[:]
    changed.graph.node.extend(copies)
    return changed


def _twice(
    division: _Division,
    conv: onnx.NodeProto,
    constants: Mapping[str, onnx.TensorProto],
    model: onnx.ModelProto,
) -> list[onnx.NodeProto]:
    """The convolution divided by channel, and once more as it was. Readers' weights make up for it."""
    gate, divisors, ones = division.gate, division.divisors, np.ones(1)
    second = onnx.NodeProto()
    second.CopyFrom(conv)
    second.name, second.output[0] = _whole(conv.name), _whole(gate.source)
    for index in (1, 2):
        second.input[index] = _whole(conv.input[index])
        model.graph.initializer.append(_renamed(constants[conv.input[index]], second.input[index]))
    weights, bias = (numpy_helper.to_array(constants[name]) for name in conv.input[1:3])
    new = {conv.input[1]: scaled_weights(conv, weights, divisors, ones), conv.input[2]: bias / divisors}
    for reader in gate.readers:
        read = numpy_helper.to_array(constants[reader.input[1]])
        new[reader.input[1]] = scaled_weights(reader, read, ones, divisors)
    for name, values in new.items():
        constants[name].CopyFrom(numpy_helper.from_array(values.astype(np.float32), name))
    least = _least(gate.source)
    model.graph.initializer.append(numpy_helper.from_array(np.array(-division.share, np.float32), least))
    clip = helper.make_node("Clip", [gate.source, least], [_closed(gate.source)], _clip(gate))
    return [conv, second, clip]


def _renamed(tensor: onnx.TensorProto, name: str) -> onnx.TensorProto:
    copy = onnx.TensorProto()
    copy.CopyFrom(tensor)
    copy.name = name
    return copy


def _new_names(gate: Gate) -> set[str]:
    """What a division would call its tensors and nodes."""
    conv, source = gate.conv, gate.source
    copies = {_whole(name) for name in (conv.name, source, *conv.input[1:])}
    return copies | {_closed(source), _least(source), _clip(gate)}


def _whole(source: str) -> str:
    return f"{source}_whole"


def _closed(source: str) -> str:
    return f"{source}_closed"


def _least(source: str) -> str:
    return f"{source}_least"


def _clip(gate: Gate) -> str:
    return f"{gate.mul.name}_clip"
