"""If with a condition that is known: its nodes are lowered as though they stood in its place."""

from __future__ import annotations

import onnx
from onnx import helper, numpy_helper

from edgeinfer_converters.tflite.facts import Facts
from edgeinfer_converters.tflite.faults import UnsupportedError
from edgeinfer_converters.tflite.lowering import Lowering
from edgeinfer_converters.tflite.nodes import Node


def taken_branch(node: Node, facts: Facts) -> onnx.GraphProto:
    """The branch that an If takes; its constants are known from now on.

    Raises UnsupportedError where the condition is known only when the model runs.
    """
    condition = facts.constant(node.inputs[0])
    if condition is None:
        raise UnsupportedError("its condition is known only when the model runs")
    wanted = "then_branch" if condition.item() else "else_branch"
    branch: onnx.GraphProto = helper.get_node_attr_value(node.proto, wanted)
    for tensor in branch.initializer:
        facts.fix(tensor.name, numpy_helper.to_array(tensor))
    return branch


def write_branch(node: Node, branch: onnx.GraphProto, at: Lowering) -> None:
    """Say that the results of a branch are those of its If."""
    for inner, outer in zip((value.name for value in branch.output), node.outputs, strict=True):
        values = at.facts.constant(inner)
        if values is not None:
            at.facts.fix(outer, values)
            continue
        if inner not in at.values:
            raise UnsupportedError(f"nothing has computed `{inner}`")
        at.facts.types[outer] = at.facts.types[inner]
        at.values[outer] = at.values[inner]
