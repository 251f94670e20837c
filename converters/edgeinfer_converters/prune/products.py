"""Convolutions and matrix products: they end the channels that they read and make new ones."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import onnx

from edgeinfer_converters.graph.classes import Indices
from edgeinfer_converters.graph.view import attribute
from edgeinfer_converters.prune.flow import Flow, Role, Stretch

PRODUCTS = frozenset({"Conv", "ConvTranspose", "Gemm", "MatMul"})

_OTHER_AXIS = "the channels lie on another axis than its own"
_GROUPED = "the groups of a convolution lose channels alike"


def conv(node: onnx.NodeProto, flow: Flow) -> str | None:
    """Ordinary, grouped and depthwise convolutions of any rank."""
    return _convolution(node, flow, _direct)


def conv_transpose(node: onnx.NodeProto, flow: Flow) -> str | None:
    """Transposed convolutions, whose weights have the input channels first."""
    return _convolution(node, flow, _transposed)


def _convolution(
    node: onnx.NodeProto, flow: Flow, other: Callable[[onnx.NodeProto, Flow], None]
) -> str | None:
    """A depthwise convolution, which is the same in both directions, or the `other`."""
    why = _fault(node, flow) or _axis_fault(node, flow, 1)
    if why is None:
        (_depthwise if _is_depthwise(node, flow) else other)(node, flow)
    return why


def _direct(node: onnx.NodeProto, flow: Flow) -> None:
    group, outputs = attribute(node, "group", 1), flow.view.shapes[node.input[1]][0]
    source = flow.at(node.input[0])
    if source is not None:
        _consume(node, flow, source, 1, _tied(source.ids, group, flow)[0])
    made = flow.classes.new(outputs)
    _tied(made, group, flow)
    _produce(node, flow, 1, made, Stretch(node.input[1], 0, made))


def _transposed(node: onnx.NodeProto, flow: Flow) -> None:
    group, share = attribute(node, "group", 1), flow.view.shapes[node.input[1]][1]
    source = flow.at(node.input[0])
    if source is not None:
        _tied(source.ids, group, flow)
        _consume(node, flow, source, 0, source.ids)
    made = flow.classes.new(share * group)
    by_group = _tied(made, group, flow)
    _produce(node, flow, 1, made, Stretch(node.input[1], 1, by_group[0]))


def gemm(node: onnx.NodeProto, flow: Flow) -> str | None:
    """Linear layers with constant weights and bias."""
    why = _fault(node, flow) or _axis_fault(node, flow, 1)
    if why is not None:
        return why
    if attribute(node, "transA", 0):
        return "it transposes its input"
    across = 1 if attribute(node, "transB", 0) else 0
    source = flow.at(node.input[0])
    if source is not None:
        _consume(node, flow, source, across, source.ids)
    made = flow.classes.new(flow.view.shapes[node.input[1]][1 - across])
    _produce(node, flow, 1, made, Stretch(node.input[1], 1 - across, made))
    return None


def matmul(node: onnx.NodeProto, flow: Flow) -> str | None:
    """Products with a constant matrix on the right; channels on an axis that is not summed pass."""
    why = _fault(node, flow)
    if why is not None:
        return why
    shape, weights = flow.view.shapes[node.input[0]], flow.view.shapes[node.input[1]]
    if len(shape) < 2 or len(weights) != 2:
        return "it is no product of rows with a matrix"
    source = flow.at(node.input[0])
    if source is not None and source.axis != len(shape) - 1:
        flow.put(node.output[0], source.axis, source.ids)
        flow.rigid_products[node.output[0]] = "other channels than its own pass through it"
        return None
    if source is not None:
        _consume(node, flow, source, 0, source.ids)
    made = flow.classes.new(weights[1])
    _produce(node, flow, len(shape) - 1, made, Stretch(node.input[1], 1, made))
    return None


def _fault(node: onnx.NodeProto, flow: Flow) -> str | None:
    if any(not flow.is_constant(name) for name in node.input[1:] if name):
        return "its weights are not constant"
    if flow.is_constant(node.input[0]):
        return "what it reads is constant"
    if not flow.view.is_private(node.input[1]):
        return "its weights are shared with another node"
    if flow.shape(node.input[0]) is None or flow.shape(node.output[0]) is None:
        return "its shape is not known"
    return None


def _axis_fault(node: onnx.NodeProto, flow: Flow, axis: int) -> str | None:
    source = flow.at(node.input[0])
    return _OTHER_AXIS if source is not None and source.axis != axis else None


def _is_depthwise(node: onnx.NodeProto, flow: Flow) -> bool:
    group = attribute(node, "group", 1)
    return group > 1 and group == flow.view.shapes[node.input[0]][1]


def _depthwise(node: onnx.NodeProto, flow: Flow) -> None:
    """Each input channel makes one or more output channels of its own, which go with it."""
    source = flow.at(node.input[0])
    if source is None:
        flow.rigid_products[node.output[0]] = "it works on single channels that are fixed"
        return
    outputs = flow.view.shapes[node.output[0]][1]
    made = np.repeat(source.ids, outputs // len(source.ids))
    by_weight = source.ids if node.op_type == "ConvTranspose" else made
    constants = [Stretch(node.input[1], 0, by_weight), *_bias(node, flow, made)]
    flow.record(Role.CARRIER, node, flow.put(node.output[0], 1, made), constants)


def _tied(ids: Indices, group: int, flow: Flow) -> Indices:
    """A row a group of the convolution: channels in the same place of each go together."""
    rows = ids.reshape(group, -1)
    flow.tie(rows, _GROUPED)
    return rows


def _consume(node: onnx.NodeProto, flow: Flow, source: Stretch, axis: int, ids: Indices) -> None:
    flow.record(Role.CONSUMER, node, source, [Stretch(node.input[1], axis, ids)])


def _produce(node: onnx.NodeProto, flow: Flow, axis: int, made: Indices, weights: Stretch) -> None:
    result = flow.put(node.output[0], axis, made)
    flow.record(Role.PRODUCER, node, result, [weights, *_bias(node, flow, made)])


def _bias(node: onnx.NodeProto, flow: Flow, made: Indices) -> list[Stretch]:
    """A Gemm's may be broadcast, or have a number for each row too."""
    if len(node.input) < 3 or not node.input[2]:
        return []
    shape = flow.view.shapes[node.input[2]]
    if not shape or shape[-1] != len(made):
        return []
    return [Stretch(node.input[2], len(shape) - 1, made)]
