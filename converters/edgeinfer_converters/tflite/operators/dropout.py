"""Dropout, which does nothing but in training."""

from __future__ import annotations

import numpy as np

from edgeinfer_converters.tflite.faults import UnsupportedError
from edgeinfer_converters.tflite.lowering import Lowering, Table
from edgeinfer_converters.tflite.nodes import Node
from edgeinfer_converters.tflite.operators.moves import identity


def dropout(node: Node, at: Lowering) -> None:
    """Dropout outside training, or of nothing: the tensor itself, and a mask that is true everywhere."""
    if node.input(2) and at.need_constant(node, 2, "training mode").any():
        ratio = at.need_constant(node, 1, "ratio").item() if node.input(1) else 0.5
        if ratio:
            raise UnsupportedError("in training it is random")
    identity(node, at)
    for mask in filter(None, node.outputs[1:]):
        at.write(mask, at.const(np.ones(at.shape(node.inputs[0]), np.bool_)))


OPERATORS: Table = {"Dropout": dropout}
