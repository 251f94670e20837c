"""Multiply-accumulates (MACs): what a model costs, from its shapes alone."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping

import onnx

from edgeinfer_converters.graph.shapes import Shape
from edgeinfer_converters.graph.view import GraphView, attribute

Count = Callable[[onnx.NodeProto, Mapping[str, Shape]], int]


def count_macs(model: onnx.ModelProto) -> dict[str, int]:
    """The MACs of each convolution and matrix product of the main graph, by node name.

    Shapes must have been inferred; a node with an open dimension counts as if that were 1.
    """
    view = GraphView(model)
    shapes = {name: tuple(max(dim, 1) for dim in shape) for name, shape in view.shapes.items()}
    counted = {}
    for node in view.nodes:
        macs = macs_of(node, shapes)
        if macs is not None:
            counted[node.name] = macs
    return counted


def macs_of(node: onnx.NodeProto, shapes: Mapping[str, Shape]) -> int | None:
    """The MACs of one node; None where it is no product, or its shapes are not known."""
    count = COUNTS.get(node.op_type)
    results = [name for name in node.output[:1] if name]  # a recurrent layer may have its last state alone
    if count is None or not all(name in shapes for name in (*node.input[:2], *results)):
        return None
    return count(node, shapes)


def _conv(node: onnx.NodeProto, shapes: Mapping[str, Shape]) -> int:
    return math.prod(shapes[node.output[0]]) * math.prod(shapes[node.input[1]][1:])


def _conv_transpose(node: onnx.NodeProto, shapes: Mapping[str, Shape]) -> int:
    return math.prod(shapes[node.input[0]]) * math.prod(shapes[node.input[1]][1:])


def _gemm(node: onnx.NodeProto, shapes: Mapping[str, Shape]) -> int:
    depth = shapes[node.input[0]][0 if attribute(node, "transA", 0) else 1]
    return math.prod(shapes[node.output[0]]) * depth


def _matmul(node: onnx.NodeProto, shapes: Mapping[str, Shape]) -> int:
    left = shapes[node.input[0]]
    return math.prod(shapes[node.output[0]]) * (left[-1] if left else 1)


def _recurrent(node: onnx.NodeProto, shapes: Mapping[str, Shape]) -> int:
    """Of LSTM, GRU and RNN: the weights of input and state, for each step of each sequence."""
    if node.input[2] not in shapes:
        return 0
    steps = math.prod(shapes[node.input[0]][:2])
    return steps * sum(math.prod(shapes[name]) for name in node.input[1:3])


COUNTS: dict[str, Count] = {
    "Conv": _conv,
    "ConvTranspose": _conv_transpose,
    "GRU": _recurrent,
    "Gemm": _gemm,
    "LSTM": _recurrent,
    "MatMul": _matmul,
    "RNN": _recurrent,
}
"""How the MACs of an operator are counted. Bias and elementwise operators are not counted."""
