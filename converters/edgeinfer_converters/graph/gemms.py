"""Gemms without factors of their own: integer kernels know none."""

from __future__ import annotations

import numpy as np
import onnx
from onnx import numpy_helper

from edgeinfer_converters.graph.view import GraphView
from edgeinfer_converters.graph.walk import is_standard


def fold_factors(model: onnx.ModelProto) -> onnx.ModelProto:
    """Multiply (in place) alpha and beta of each Gemm into its constants, where no other node reads them."""
    view = GraphView(model)
    constants = {tensor.name: tensor for tensor in model.graph.initializer}
    for node in model.graph.node:
        if not is_standard(node) or node.op_type != "Gemm" or not _has_own_constants(node, view):
            continue
        for name, place in (("alpha", 1), ("beta", 2)):
            factor = next((one.f for one in node.attribute if one.name == name), 1.0)
            if len(node.input) > place and node.input[place]:
                tensor = constants[node.input[place]]
                scaled = (numpy_helper.to_array(tensor) * np.float32(factor)).astype(np.float32)
                tensor.CopyFrom(numpy_helper.from_array(scaled, tensor.name))
        kept = [one for one in node.attribute if one.name not in ("alpha", "beta")]
        del node.attribute[:]
        node.attribute.extend(kept)
    return model


def _has_own_constants(node: onnx.NodeProto, view: GraphView) -> bool:
    names = [name for name in node.input[1:] if name]
    return len(set(names)) == len(names) and all(
        name in view.initializers and name in view.floats and view.is_private(name) for name in names
    )
