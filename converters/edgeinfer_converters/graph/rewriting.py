"""Other nodes in a graph."""

from __future__ import annotations

from collections.abc import Iterable

import onnx

from edgeinfer_converters.graph.walk import outer_names


def with_nodes(model: onnx.ModelProto, nodes: Iterable[onnx.NodeProto]) -> onnx.ModelProto:
    """The model with these nodes instead of its own, which may be among them, and without the constants that
    none of them reads. Changes the model; shapes must be inferred anew."""
    graph = model.graph
    copies = [onnx.NodeProto.FromString(node.SerializeToString()) for node in nodes]
    read = {name for node in copies for name in (*node.input, *outer_names(node))}
    read.update(value.name for value in graph.output)
    constants = [tensor for tensor in graph.initializer if tensor.name in read]
    if len(constants) < len(graph.initializer):
        kept = onnx.GraphProto()
        kept.initializer.extend(constants)
        graph.ClearField("initializer")
        graph.initializer.extend(kept.initializer)
    for part in ("node", "value_info"):
        graph.ClearField(part)
    graph.node.extend(copies)
    return model
