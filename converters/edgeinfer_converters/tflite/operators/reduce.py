"""Reductions over axes."""

from __future__ import annotations

from functools import partial

from edgeinfer_converters.tflite.faults import UnsupportedError
from edgeinfer_converters.tflite.layouts import plain, stored_axis
from edgeinfer_converters.tflite.lowering import Lowering, Table, Value
from edgeinfer_converters.tflite.nodes import Node
from edgeinfer_converters.tflite.tensors import Quant


def axes_of(node: Node, at: Lowering) -> tuple[int, ...]:
    """The axes that a reduction is over, from the attribute or the input; none for a reduction of nothing."""
    rank = at.rank(node.inputs[0])
    if node.input(1):
        axes = tuple(int(axis) for axis in at.need_constant(node, 1, "axes").reshape(-1))
    else:
        axes = node.integers("axes")
    if not axes:
        return () if node.integer("noop_with_empty_axes", 0) else plain(rank)
    return tuple(sorted(axis % rank for axis in axes))


def reduce(code: str, node: Node, at: Lowering) -> None:
    """A reduction that one kernel computes, in the layout that the tensor is stored in."""
    target = at.target(node.outputs[0])
    stored = code == "MEAN" and target is not None and at.quant(node.inputs[0]) is not None
    layout = at.layout(node.inputs[0])
    source = at.stored(node.inputs[0], layout) if stored else at.read(node.inputs[0], layout)
    write_reduced(node, at, code, source, target if stored else None)


def write_reduced(node: Node, at: Lowering, code: str, source: int, quant: Quant | None = None) -> None:
    """Reduce a tensor that has the layout of the node's input, and write the node's output."""
    axes, layout = axes_of(node, at), at.layout(node.inputs[0])
    if not axes:
        raise UnsupportedError("it reduces over no axis")
    found = at.graph.tensors[source]
    places = tuple(sorted(stored_axis(axis, layout) for axis in axes))
    sides = tuple(1 if place in places else side for place, side in enumerate(found.shape))
    reduced = at.add(code, [source, at.const(places)], sides, found.dtype, quant, keepDims=True)
    if node.integer("keepdims", 1):
        at.write(node.outputs[0], reduced, layout)
        return
    kept = [axis for axis in layout if axis not in axes]
    shape = tuple(at.shape(node.inputs[0])[axis] for axis in kept)
    order = tuple(sorted(kept).index(axis) for axis in kept)
    at.values[node.outputs[0]] = Value(at.reshape(reduced, shape), order)


OPERATORS: Table = {
    "ReduceMax": partial(reduce, "REDUCE_MAX"),
    "ReduceMean": partial(reduce, "MEAN"),
    "ReduceMin": partial(reduce, "REDUCE_MIN"),
    "ReduceProd": partial(reduce, "REDUCE_PROD"),
    "ReduceSum": partial(reduce, "SUM"),
}
