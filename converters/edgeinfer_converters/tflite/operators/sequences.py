"""Operators that run along one axis: running sums, sequences turned around."""

from __future__ import annotations

from edgeinfer_converters.tflite.layouts import Layout, plain, stored_axis
from edgeinfer_converters.tflite.lowering import Lowering, Table
from edgeinfer_converters.tflite.moving import in_type, movable, moved_back, refuse_empty
from edgeinfer_converters.tflite.nodes import Node


def cum_sum(node: Node, at: Lowering) -> None:
    """CumSum, in the layout that the tensor is stored in where the axis is constant."""
    name, result = node.inputs[0], node.outputs[0]
    refuse_empty(at, name)
    layout, axis = _axis(node, at)
    source = in_type(at, at.read(name, layout), "CUMSUM")
    found = at.graph.tensors[source]
    options = {one: bool(node.integer(one, 0)) for one in ("exclusive", "reverse")}
    at.write(result, at.add("CUMSUM", [source, axis], found.shape, found.dtype, **options), layout)


def _axis(node: Node, at: Lowering) -> tuple[Layout, int]:
    name, values = node.inputs[0], at.constant(node.inputs[1])
    if values is None:
        return plain(at.rank(name)), at.reshape(at.read_as(node.inputs[1], "int32"), ())
    layout = at.layout(name)
    return layout, at.const(stored_axis(int(values.item()), layout))


def reverse_sequence(node: Node, at: Lowering) -> None:
    """ReverseSequence: the first elements of each sequence in the opposite order."""
    name, result = node.inputs[0], node.outputs[0]
    refuse_empty(at, name)
    layout = at.layout(name)
    source = movable(at, name, "REVERSE_SEQUENCE", layout)
    found = at.graph.tensors[source]
    turned = at.add(
        "REVERSE_SEQUENCE",
        [source, at.read_as(node.inputs[1], "int32")],
        found.shape,
        found.dtype,
        found.quant,
        seqDim=stored_axis(node.integer("time_axis", 0), layout),
        batchDim=stored_axis(node.integer("batch_axis", 1), layout),
    )
    moved_back(at, result, turned, layout)


OPERATORS: Table = {"CumSum": cum_sum, "ReverseSequence": reverse_sequence}
