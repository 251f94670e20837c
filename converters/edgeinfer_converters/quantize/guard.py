"""Keeps ONNX Runtime from quantizing the float islands of a mixed model by itself.

A convolution or Gemm between a DequantizeLinear and a QuantizeLinear, a Relu or Clip in between or not,
gets its float weights rounded when the model is loaded: to 8 bits with one scale for all of them. An
activation function that changes nothing breaks the pattern; the runtime merges it with the convolution.
Source: onnxruntime/core/optimizer/qdq_transformer/weight_bias_quantization.cc.
"""

from __future__ import annotations

import onnx
from onnx import helper

from edgeinfer_converters.graph.view import GraphView

_TAKEN_OVER = frozenset({"Conv", "ConvTranspose", "Gemm"})
_PASSED = frozenset({"Relu", "Clip"})


def guard_float_products(model: onnx.ModelProto) -> onnx.ModelProto:
    """The model with a LeakyRelu of slope 1 behind each float product that would be quantized."""
    view = GraphView(model)
    exposed = {node.name for node in view.nodes if _is_exposed(node, view)}
    if not exposed:
        return model
    guarded = onnx.ModelProto()
    guarded.CopyFrom(model)
    guarded.graph.ClearField("node")
    taken = {name for node in view.nodes for name in (node.name, *node.output)}
    for node in view.nodes:
        guarded.graph.node.append(node)
        if node.name in exposed:
            inner = f"{node.output[0]}_unguarded"
            while inner in taken:
                inner += "_"
            guarded.graph.node[-1].output[0] = inner
            guard = helper.make_node("LeakyRelu", [inner], [node.output[0]], f"{node.name}_guard", alpha=1.0)
            guarded.graph.node.append(guard)
    return guarded


def _is_exposed(node: onnx.NodeProto, view: GraphView) -> bool:
    if node.op_type not in _TAKEN_OVER or node.input[1] not in view.initializers:
        return False
    source = view.producers.get(node.input[0])
    if source is None or source.op_type != "DequantizeLinear":
        return False
    name = node.output[0]
    while view.is_private(name):
        (reader,) = view.readers[name]
        if reader.op_type not in _PASSED:
            return reader.op_type == "QuantizeLinear"
        name = reader.output[0]
    return False
