"""What the integer kernels of ONNX Runtime (and TFLite) do, by operator.

Source: onnxruntime/core/optimizer/qdq_transformer/selectors_actions/qdq_selector_action_transformer.cc,
which lists the operators that a DequantizeLinear before and a QuantizeLinear behind turn into integer ones.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np
import onnx

from edgeinfer_converters.graph.view import GraphView, attribute
from edgeinfer_converters.graph.walk import is_standard

PRODUCTS = frozenset({"Conv", "ConvTranspose", "Gemm", "MatMul"})
"""Operators that multiply and accumulate."""

FLOAT_RESULT = frozenset({"Gemm", "MatMul"})
"""Products whose integer kernels may give float results; the others need a QuantizeLinear behind."""

MOST_TAPS = 25
"""Of XNNPACK's kernels for depthwise convolutions (f32 and qs8: 3, 4, 9 and 25, whatever the processor).

Source: XNNPACK, src/configs/dwconv-config.c; larger ones take ten times as long and more."""

MOVES = frozenset(
    {
        *("DepthToSpace", "Expand", "Flatten", "Gather", "Identity", "MaxPool", "Reshape", "Resize"),
        *("Slice", "SpaceToDepth", "Split", "Squeeze", "Tile", "Transpose", "Unsqueeze"),
    }
)
"""Operators that only choose or move values of their first input: its scale is that of the results."""

COMPUTES = frozenset({"Add", "AveragePool", "Concat", "GlobalAveragePool", "LeakyRelu", "Mul", "Sigmoid"})
"""Operators with integer kernels that have scales of their own for each input and the result."""

CLAMPS = frozenset({"Relu", "Clip"})
"""Operators that saturation can stand in for."""


def is_move(node: onnx.NodeProto) -> bool:
    """Whether the node moves values and its integer kernel exists."""
    if not is_standard(node) or node.op_type not in MOVES:
        return False
    if node.op_type == "MaxPool":
        return len([name for name in node.output if name]) == 1
    return node.op_type != "Resize" or _is_nearest(node)


def is_compute(node: onnx.NodeProto) -> bool:
    """Whether the node has an integer kernel with scales of its own."""
    return is_standard(node) and node.op_type in COMPUTES


def data_inputs(node: onnx.NodeProto) -> tuple[str, ...]:
    """The inputs that carry activations or weights, in the order of the node."""
    if node.op_type in ("Add", "Concat", "Mul"):
        return tuple(node.input)
    return tuple(node.input[:2]) if node.op_type in PRODUCTS else tuple(node.input[:1])


def weight_input(node: onnx.NodeProto, view: GraphView) -> str | None:
    """The constant weights of a product; None for a product of two activations."""
    return node.input[1] if node.input[1] in view.initializers else None


def bias_input(node: onnx.NodeProto) -> str | None:
    """The bias of a product, if it has one."""
    return node.input[2] if len(node.input) > 2 and node.input[2] and node.op_type != "MatMul" else None


def channel_axis(node: onnx.NodeProto, rank: int) -> int | None:
    """The axis of the weights along which output channels lie; None where they do not lie on one axis."""
    if node.op_type == "Conv":
        return 0
    if node.op_type == "ConvTranspose":
        return 1 if attribute(node, "group", 1) == 1 else None
    if node.op_type == "Gemm":
        return 0 if attribute(node, "transB", 0) else 1
    return 1 if rank == 2 else None


def weighs_probabilities(node: onnx.NodeProto, view: GraphView) -> bool:
    """Whether a product with constant weights reads a Softmax. Detectors compute distances so, as expected
    values: it is decoding, no layer, and 255 steps are few for probabilities."""
    producer = view.producers.get(node.input[0]) if node.input[1] in view.initializers else None
    while producer is not None and is_move(producer):
        producer = view.producers.get(producer.input[0])
    return producer is not None and producer.op_type == "Softmax" and is_standard(producer)


def is_depthwise(node: onnx.NodeProto, view: GraphView) -> bool:
    """Whether a node is a convolution of each channel by itself, with constant float weights."""
    if node.op_type != "Conv" or node.input[1] not in view.initializers or node.input[1] not in view.floats:
        return False
    group = attribute(node, "group", 1)
    return group > 1 and view.shapes[node.input[1]][1] == 1


def product_fault(node: onnx.NodeProto, view: GraphView) -> str | None:
    """Why a product cannot be integer; None if it can."""
    if any(name not in view.floats for name in node.input if name):
        return "its numbers are not float32"
    if weighs_probabilities(node, view):
        return "it weighs the probabilities of a Softmax"
    if node.op_type == "MatMul":
        return "both of its factors are constant" if set(node.input) <= view.initializers.keys() else None
    if any(name not in view.initializers for name in node.input[1:] if name):
        return "its weights are not constant"
    bias = bias_input(node)
    if bias is not None and np.isinf(view.constant(bias)).any():
        return "its bias is infinite"
    if node.op_type == "Gemm" and (attribute(node, "transA", 0) or not _is_plain_gemm(node)):
        return "it transposes or scales its input"
    if node.op_type == "Gemm" and not _has_bias_by_channel(node, view):
        return "its bias is not the same for each row"
    return None


FUSED_CLAMPS = frozenset({(0.0, None), (0.0, 6.0), (-1.0, 1.0)})
"""The bounds of clamps that TFLite's kernels apply to their own results."""


def clamp_bounds(node: onnx.NodeProto, view: GraphView) -> tuple[float | None, float | None] | None:
    """The bounds of a Relu or Clip, None for an open one; None instead where they are not constant."""
    if not is_standard(node) or node.op_type not in CLAMPS:
        return None
    if node.op_type == "Relu":
        return 0.0, None
    names = [*node.input[1:], "", ""][:2]
    if any(name and name not in view.initializers for name in names):
        return None
    low, high = (float(view.constant(name).item()) if name else None for name in names)
    return None if low == -math.inf else low, None if high == math.inf else high


def _is_nearest(node: onnx.NodeProto) -> bool:
    mode = next((one.s for one in node.attribute if one.name == "mode"), b"nearest")
    return mode == b"nearest"


def _has_bias_by_channel(node: onnx.NodeProto, view: GraphView) -> bool:
    """Whether a bias has one number an output channel, or one for all: ONNX allows a whole matrix."""
    name = bias_input(node)
    return name is None or all(side == 1 for side in view.shapes[name][:-1])


def _is_plain_gemm(node: onnx.NodeProto) -> bool:
    factors: Mapping[str, float] = {
        one.name: one.f for one in node.attribute if one.name in ("alpha", "beta")
    }
    return all(factor == 1.0 for factor in factors.values())
