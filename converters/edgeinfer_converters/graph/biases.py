"""Every convolution has a bias, if only of zeros: quantization corrects the mean of its output there."""

from __future__ import annotations

import numpy as np
import onnx
from onnx import numpy_helper

from edgeinfer_converters.graph.naming import free_name
from edgeinfer_converters.graph.view import GraphView
from edgeinfer_converters.graph.walk import is_standard


def add_biases(model: onnx.ModelProto) -> onnx.ModelProto:
    """Give (in place) each float32 convolution with constant weights and no bias one of zeros.

    It costs nothing.
    """
    view = GraphView(model)
    taken = {name for node in view.nodes for name in (*node.input, *node.output)} | set(view.initializers)
    for node in view.nodes:
        bare = len(node.input) < 3 or not node.input[2]
        constant = bare and node.op_type == "Conv" and node.input[1] in view.initializers
        if constant and is_standard(node) and node.input[1] in view.floats:
            name = free_name(f"{node.name}_bias", taken)
            taken.add(name)
            zeros = np.zeros(view.shapes[node.input[1]][0], np.float32)
            model.graph.initializer.append(numpy_helper.from_array(zeros, name))
            del node.input[2:]
            node.input.append(name)
    return model
