"""Each convolution has a bias of its own, if only of zeros: quantization corrects its output's mean there."""

from __future__ import annotations

import numpy as np
import onnx
from onnx import numpy_helper

from edgeinfer_converters.graph.naming import free_name, names_of
from edgeinfer_converters.graph.view import GraphView
from edgeinfer_converters.graph.walk import is_standard


def add_biases(model: onnx.ModelProto) -> onnx.ModelProto:
    """Give (in place) each float32 convolution with constant weights and no bias one of zeros, and those that
    share a constant one a copy each.

    It costs nothing.
    """
    view = GraphView(model)
    taken = names_of(model)
    for node in view.nodes:
        constant = node.op_type == "Conv" and node.input[1] in view.initializers
        if not constant or not is_standard(node) or node.input[1] not in view.floats:
            continue
        bias = node.input[2] if len(node.input) > 2 else ""
        if bias and (view.is_private(bias) or bias not in view.initializers):
            continue
        values = view.constant(bias) if bias else np.zeros(view.shapes[node.input[1]][0], np.float32)
        name = free_name(f"{node.name}_bias", taken)
        taken.add(name)
        model.graph.initializer.append(numpy_helper.from_array(values, name))
        del node.input[2:]
        node.input.append(name)
    return model
