"""Tensors put one behind the other."""

from __future__ import annotations

import numpy as np

from edgeinfer_converters.tflite.broadcast import common_layout, read_operand
from edgeinfer_converters.tflite.layouts import stored_axis, stored_shape
from edgeinfer_converters.tflite.lowering import Lowering, Table
from edgeinfer_converters.tflite.moving import in_type
from edgeinfer_converters.tflite.nodes import Node


def concat(node: Node, at: Lowering) -> None:
    """Concat. In 8 bits all parts take the scale of the result, as the kernel wants it."""
    result = node.outputs[0]
    names = [name for name in node.inputs if 0 not in at.shape(name)]
    if not names:
        at.facts.fix(result, np.zeros(at.shape(result), at.facts.dtype(result)))
        return
    layout = common_layout(at, names, at.rank(result))
    target = at.target(result)
    stored = target is not None and all(at.quant(name) is not None for name in names)
    parts = [read_operand(at, name, layout, stored=stored) for name in names]
    if stored and target is not None:
        parts = [at.requantize(part, target) for part in parts]
    else:
        parts = [in_type(at, part, "CONCATENATION") for part in parts]
    axis = stored_axis(node.integer("axis", 0), layout)
    sides = stored_shape(at.shape(result), layout)
    at.write(result, _joined(at, parts, axis, sides), layout)


def _joined(at: Lowering, parts: list[int], axis: int, sides: tuple[int, ...]) -> int:
    if len(parts) == 1:
        return parts[0]
    found = at.graph.tensors[parts[0]]
    return at.add(
        "CONCATENATION", parts, sides, found.dtype, found.quant, axis=axis, fusedActivationFunction="NONE"
    )


OPERATORS: Table = {"Concat": concat}
