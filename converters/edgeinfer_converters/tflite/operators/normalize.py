"""Normalizations with statistics that are fixed."""

from __future__ import annotations

import numpy as np

from edgeinfer_converters.tflite.broadcast import read_operand
from edgeinfer_converters.tflite.faults import UnsupportedError
from edgeinfer_converters.tflite.lowering import Lowering, Table
from edgeinfer_converters.tflite.nodes import Node
from edgeinfer_converters.tflite.operators.arithmetic import combine


def batch_normalization(node: Node, at: Lowering) -> None:
    """BatchNormalization with constant statistics: a factor and a summand for each channel."""
    if node.integer("training_mode", 0) or len([name for name in node.outputs if name]) > 1:
        raise UnsupportedError("it is in training mode")
    name, rank = node.inputs[0], at.rank(node.inputs[0])
    layout = at.layout(name)
    parts = [at.constant(one) for one in node.inputs[1:5]]
    if any(part is None for part in parts):
        raise UnsupportedError("its statistics are known only when the model runs")
    scale, bias, mean, variance = (np.asarray(part, np.float64) for part in parts)
    factor = scale / np.sqrt(variance + node.real("epsilon", 1e-5))
    by_channel = [1] * rank
    by_channel[1 if rank > 1 else 0] = -1
    tensor = read_operand(at, name, layout)
    for code, values in (("MUL", factor), ("ADD", bias - mean * factor)):
        shaped = values.astype(np.float32).reshape(by_channel).transpose(layout)
        tensor = combine(at, code, tensor, at.const(shaped))
    at.write(node.outputs[0], tensor, layout)


OPERATORS: Table = {"BatchNormalization": batch_normalization}
