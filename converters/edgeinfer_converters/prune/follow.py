"""What each operator does to the channels of its inputs; all that is not listed keeps them as they are."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import onnx

from edgeinfer_converters.graph.walk import is_standard
from edgeinfer_converters.prune import elementwise, moves, planes, products
from edgeinfer_converters.prune.flow import Flow

Rule = Callable[[onnx.NodeProto, Flow], str | None]
"""Follows the channels through a node; says why if it cannot, and has then changed nothing."""

RULES: Mapping[str, Rule] = {
    **dict.fromkeys(sorted(elementwise.BINARY), elementwise.broadcast),
    **dict.fromkeys(sorted(elementwise.UNARY), elementwise.unary),
    **dict.fromkeys(sorted(planes.POOLS), planes.pool),
    **dict.fromkeys(sorted(planes.REDUCTIONS), planes.reduce),
    **dict.fromkeys(sorted(planes.SOFTMAX), planes.softmax),
    **dict.fromkeys(("Flatten", "Reshape", "Squeeze", "Unsqueeze"), moves.reshape),
    "BatchNormalization": planes.batch_normalization,
    "Concat": moves.concat,
    "Conv": products.conv,
    "ConvTranspose": products.conv_transpose,
    "DepthToSpace": moves.depth_to_space,
    "Expand": moves.expand,
    "Gather": moves.gather,
    "Gemm": products.gemm,
    "InstanceNormalization": planes.instance_normalization,
    "LayerNormalization": planes.layer_normalization,
    "MatMul": products.matmul,
    "Pad": planes.pad,
    "Resize": planes.resize,
    "Slice": moves.slice_,
    "SpaceToDepth": moves.space_to_depth,
    "Split": moves.split,
    "Tile": moves.tile,
    "Transpose": moves.transpose,
}


def follow(node: onnx.NodeProto, flow: Flow) -> None:
    """Take a node into account; behind one that is not in the list, shapes are fixed."""
    rule = RULES.get(node.op_type) if is_standard(node) else None
    why = rule(node, flow) if rule else "it may treat channels otherwise than one by one"
    if why is not None:
        flow.cut(node, why)
        if rule and node.op_type in products.PRODUCTS:
            flow.rigid_products[node.output[0]] = why
