"""PRelu before opset 7 has a slope a channel, which onnx's converter of versions leaves to broadcast anew."""

from __future__ import annotations

import onnx
from onnx import numpy_helper

from edgeinfer_converters.graph.shapes import infer_shapes
from edgeinfer_converters.graph.view import GraphView
from edgeinfer_converters.graph.walk import standard_opset

_BROADCASTS_SINCE = 7


def with_whole_slopes(model: onnx.ModelProto) -> onnx.ModelProto:
    """The model with the slopes of old PRelus shaped (channels, 1, ...), which broadcasts (in place)."""
    nodes = [node for node in model.graph.node if node.op_type == "PRelu"]
    if not nodes or standard_opset(model) >= _BROADCASTS_SINCE:
        return model
    view = GraphView(infer_shapes(model))
    for number, node in enumerate(nodes):
        name, slope = node.input
        rank = len(view.shapes.get(name, ()))
        if slope in view.initializers and len(view.shapes[slope]) == 1 and rank > 2:
            values = view.constant(slope).reshape(-1, *(1,) * (rank - 2))
            node.input[1] = f"{slope}_of_channels_{number}"
            model.graph.initializer.append(numpy_helper.from_array(values, node.input[1]))
    return model
