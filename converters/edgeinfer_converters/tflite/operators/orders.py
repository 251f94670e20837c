"""Operators that compare along an axis: the greatest and smallest elements and where they are."""

from __future__ import annotations

from functools import partial

import numpy as np

from edgeinfer_converters.tflite.faults import UnsupportedError
from edgeinfer_converters.tflite.layouts import Layout, stored_axis, stored_shape
from edgeinfer_converters.tflite.lowering import Lowering, Table
from edgeinfer_converters.tflite.moving import refuse_empty
from edgeinfer_converters.tflite.nodes import Node
from edgeinfer_converters.tflite.ordering import largest, smallest
from edgeinfer_converters.tflite.steps import compute

_BY_ARG = frozenset({"float32", "int32", "int8"})
"""Types whose greatest element the kernels ARG_MAX and ARG_MIN find."""


def arg(code: str, node: Node, at: Lowering) -> None:
    """ArgMax and ArgMin, in the layout that the tensor is stored in. NaN is passed over."""
    name, result = node.inputs[0], node.outputs[0]
    refuse_empty(at, name)
    layout = at.layout(name)
    axis = node.integer("axis", 0) % len(layout)
    source = at.stored(name, layout) if at.quant(name) else at.read(name, layout)
    is_last = bool(node.integer("select_last_index", 0))
    found = _index(at, code, source, stored_axis(axis, layout), is_last=is_last)
    if node.integer("keepdims", 1):
        at.write(result, at.reshape(found, stored_shape(at.shape(result), layout)), layout)
    else:
        at.write(result, found, _without(layout, axis))


def _index(at: Lowering, code: str, source: int, place: int, *, is_last: bool) -> int:
    """The index of the greatest or smallest along a stored axis, int64, without that axis."""
    found = at.graph.tensors[source]
    if is_last:
        source = at.add("REVERSE_V2", [source, at.const([place])], found.shape, found.dtype, found.quant)
    if found.dtype in _BY_ARG:
        sides = (*found.shape[:place], *found.shape[place + 1 :])
        inputs = [source, at.const(np.array(place, np.int32))]
        index = at.add(code, inputs, sides, "int64", outputType="INT64")
    else:
        index = _index_by_order(at, code, source, place)
    if not is_last:
        return index
    flat = at.reshape(index, (at.graph.tensors[index].size,))
    backwards = compute(at, "MUL", flat, np.array([-1]))
    last = compute(at, "ADD", backwards, np.array([found.shape[place] - 1]))
    return at.reshape(last, at.graph.tensors[index].shape)


def _index_by_order(at: Lowering, code: str, source: int, place: int) -> int:
    """The same by TOPK_V2, which knows more types."""
    rank = len(at.graph.tensors[source].shape)
    others = [one for one in range(rank) if one != place]
    pick = largest if code == "ARG_MAX" else smallest
    _, places = pick(at, at.transpose(source, (*others, place)), 1)
    return at.cast(at.reshape(places, at.graph.tensors[places].shape[:-1]), "int64")


def _without(layout: Layout, axis: int) -> Layout:
    """The layout of what is left when an axis goes."""
    return tuple(one if one < axis else one - 1 for one in layout if one != axis)


def hardmax(node: Node, at: Lowering) -> None:
    """Hardmax: 1 at the first greatest element, 0 elsewhere."""
    name, result = node.inputs[0], node.outputs[0]
    refuse_empty(at, name)
    layout = at.layout(name)
    place = stored_axis(node.integer("axis", -1), layout)
    source = at.read(name, layout)
    found = at.graph.tensors[source]
    index = _index(at, "ARG_MAX", source, place, is_last=False)
    inputs = [at.cast(index, "int32"), at.const(np.array(found.shape[place], np.int32))]
    values = [at.const(np.array(value, found.dtype)) for value in (1, 0)]
    axis = -1 if place == len(layout) - 1 else place
    at.write(result, at.add("ONE_HOT", [*inputs, *values], found.shape, found.dtype, axis=axis), layout)


def top_k(node: Node, at: Lowering) -> None:
    """TopK, with the axis last."""
    name = node.inputs[0]
    refuse_empty(at, name, *node.outputs)
    axis = node.integer("axis", -1) % at.rank(name)
    layout = (*(one for one in at.layout(name) if one != axis), axis)
    shown = next(one for one in node.outputs if one)
    count = at.shape(shown)[axis]
    if count > at.shape(name)[axis]:
        raise UnsupportedError(f"it wants {count} elements of {at.shape(name)[axis]}")
    pick = largest if node.integer("largest", 1) else smallest
    values, places = pick(at, at.read(name, layout), count)
    if node.outputs[0]:
        at.write(node.outputs[0], values, layout)
    if len(node.outputs) > 1 and node.outputs[1]:
        at.write(node.outputs[1], at.cast(places, "int64"), layout)


OPERATORS: Table = {
    "ArgMax": partial(arg, "ARG_MAX"),
    "ArgMin": partial(arg, "ARG_MIN"),
    "Hardmax": hardmax,
    "TopK": top_k,
}
