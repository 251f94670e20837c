"""Constants are initializers: neither inputs, nor nodes."""

from __future__ import annotations

import numpy as np
import onnx
from onnx import numpy_helper

from edgeinfer_converters.graph.walk import is_standard

IR_VERSION = 4
"""The first IR version in which an initializer need not be listed as an input."""


def unlist_initializers(model: onnx.ModelProto) -> onnx.ModelProto:
    """Take initializers out of the list of inputs, where IR 3 wants them (in place)."""
    constants = {tensor.name for tensor in model.graph.initializer}
    inputs = [value for value in model.graph.input if value.name not in constants]
    del model.graph.input[:]
    model.graph.input.extend(inputs)
    model.ir_version = max(model.ir_version, IR_VERSION)
    return model


def lift_constants(model: onnx.ModelProto) -> onnx.ModelProto:
    """Turn the Constant nodes of the main graph into initializers (in place); texts and sparse ones stay."""
    kept = []
    for node in model.graph.node:
        tensor = _tensor_of(node) if is_standard(node) and node.op_type == "Constant" else None
        if tensor is None:
            kept.append(node)
        else:
            model.graph.initializer.append(tensor)
    if len(kept) < len(model.graph.node):
        nodes = [onnx.NodeProto.FromString(node.SerializeToString()) for node in kept]
        del model.graph.node[:]
        model.graph.node.extend(nodes)
    return model


def _tensor_of(node: onnx.NodeProto) -> onnx.TensorProto | None:
    for one in node.attribute:
        if one.name == "value":
            tensor = onnx.TensorProto()
            tensor.CopyFrom(one.t)
            tensor.name = node.output[0]
            return tensor
        if one.name in ("value_float", "value_floats"):
            number = one.f if one.name == "value_float" else list(one.floats)
            return numpy_helper.from_array(np.array(number, np.float32), node.output[0])
        if one.name in ("value_int", "value_ints"):
            whole = one.i if one.name == "value_int" else list(one.ints)
            return numpy_helper.from_array(np.array(whole, np.int64), node.output[0])
    return None
