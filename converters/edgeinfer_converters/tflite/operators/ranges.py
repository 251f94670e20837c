"""Range, where the shape of its result is fixed."""

from __future__ import annotations

import numpy as np

from edgeinfer_converters.tflite.faults import UnsupportedError
from edgeinfer_converters.tflite.lowering import Lowering, Table
from edgeinfer_converters.tflite.nodes import Node
from edgeinfer_converters.tflite.operators.formulas import Term


def sequence(node: Node, at: Lowering) -> None:
    """start, start + delta, start + 2 delta...: as many as the model declares."""
    result = node.outputs[0]
    if at.rank(result) != 1:
        raise UnsupportedError("its size is known only when the model runs")
    start, _, delta = (Term(at, at.reshape(at.read(name), (1,))) for name in node.inputs)
    steps = Term(at, at.const(np.arange(at.shape(result)[0]).astype(at.dtype(result))))
    at.write(result, (steps * delta + start).tensor)


OPERATORS: Table = {"Range": sequence}
