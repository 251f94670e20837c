"""Operators that pick elements by their indices."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod

import numpy as np
from onnx import helper

from edgeinfer.frames import Array
from edgeinfer_converters.tflite.faults import UnsupportedError
from edgeinfer_converters.tflite.layouts import Layout, plain, stored_axis, stored_shape
from edgeinfer_converters.tflite.lowering import Lowering, Table
from edgeinfer_converters.tflite.moving import movable, refuse_empty
from edgeinfer_converters.tflite.nodes import Node
from edgeinfer_converters.tflite.ordering import first_true
from edgeinfer_converters.tflite.places import (
    element_places,
    read_indices,
    row_places,
    strides,
)
from edgeinfer_converters.tflite.steps import compute, gathered


def gather(node: Node, at: Lowering) -> None:
    """Gather along one axis, which the axes of the indices replace; neighbours are cut out."""
    name, indices, result = *node.inputs[:2], node.outputs[0]
    refuse_empty(at, name, result)
    axis, layout = node.integer("axis", 0) % at.rank(name), at.layout(name)
    place, values = stored_axis(axis, layout), at.constant(indices)
    spread = _spread(layout, axis, at.rank(indices))
    if values is not None and (start := _run(values, at.shape(name)[axis])) is not None:
        source = at.stored(name, layout)
        found = at.graph.tensors[source]
        begin = [start if one == place else 0 for one in range(len(layout))]
        sides = (*found.shape[:place], values.size, *found.shape[place + 1 :])
        inputs = [source, at.const(begin), at.const(sides)]
        cut = at.add("SLICE", inputs, sides, found.dtype, found.quant)
        at.write(result, at.reshape(cut, stored_shape(at.shape(result), spread)), spread)
        return
    source = movable(at, name, "GATHER", layout)
    places = read_indices(at, indices, (at.shape(name)[axis],))
    at.write(result, gathered(at, source, places, place), spread)


def _run(values: Array, side: int) -> int | None:
    """The first of indices that follow one another; None for others."""
    flat = np.where(values < 0, values + side, values).reshape(-1)
    if ((flat < 0) | (flat >= side)).any():
        raise UnsupportedError(f"its indices are not all in the range of the axis, which has {side}")
    return int(flat[0]) if (np.diff(flat) == 1).all() else None


def _spread(layout: Layout, axis: int, count: int) -> Layout:
    """The layout with an axis replaced by `count` others, in their order."""
    spread: list[int] = []
    for one in layout:
        if one == axis:
            spread.extend(range(axis, axis + count))
        else:
            spread.append(one if one < axis else one + count - 1)
    return tuple(spread)


def gather_elements(node: Node, at: Lowering) -> None:
    """GatherElements: the elements are numbered and gathered from the flat tensor."""
    name, indices, result = *node.inputs[:2], node.outputs[0]
    refuse_empty(at, name, result)
    layout, order = at.layout(name), at.layout(indices)
    axis = node.integer("axis", 0) % at.rank(name)
    places = element_places(at, indices, axis, at.shape(name), layout)
    source = at.reshape(movable(at, name, "GATHER", layout), (prod(at.shape(name)),))
    found = gathered(at, source, places, 0)
    at.write(result, at.reshape(found, stored_shape(at.shape(result), order)), order)


def gather_nd(node: Node, at: Lowering) -> None:
    """GatherND: the rows are numbered and gathered."""
    name, indices, result = *node.inputs[:2], node.outputs[0]
    refuse_empty(at, name, indices, result)
    batch, shape = node.integer("batch_dims", 0), at.shape(name)
    depth = batch + at.shape(indices)[-1]
    places = row_places(at, indices, shape, batch)
    rows = at.reshape(movable(at, name, "GATHER"), (prod(shape[:depth]), *shape[depth:]))
    at.write(result, at.reshape(gathered(at, rows, places, 0), at.shape(result)))


def compress(node: Node, at: Lowering) -> None:
    """Compress, where it is known how much is kept."""
    name, condition, result = *node.inputs[:2], node.outputs[0]
    _measure(node, at)
    refuse_empty(at, name, condition, result)
    shape = at.shape(result)
    if node.has("axis"):
        axis = node.integer("axis", 0) % at.rank(name)
        layout = at.layout(name)
        source, place = movable(at, name, "GATHER", layout), stored_axis(axis, layout)
    else:
        axis, layout, place = 0, plain(1), 0
        source = at.reshape(movable(at, name, "GATHER"), (prod(at.shape(name)),))
    values = at.constant(condition)
    if values is not None:
        places = at.const(np.flatnonzero(values).astype(np.int32))
    else:
        places = first_true(at, at.read(condition), shape[axis])
    at.write(result, gathered(at, source, places, place), layout)


def _measure(node: Node, at: Lowering) -> None:
    """Tell the shape of what constant conditions keep, which onnx does not infer."""
    values = at.constant(node.inputs[1])
    if values is None:
        return
    shape = list(at.shape(node.inputs[0])) if node.has("axis") else [0]
    shape[node.integer("axis", 0)] = int(np.count_nonzero(values))
    kind = at.facts.types[node.inputs[0]].tensor_type.elem_type
    at.facts.types[node.outputs[0]] = helper.make_tensor_type_proto(kind, shape)


def non_zero(node: Node, at: Lowering) -> None:
    """NonZero, where it is known how many there are."""
    name, result = node.inputs[0], node.outputs[0]
    refuse_empty(at, name, result)
    shape, count = at.shape(name), at.shape(result)[1]
    if not shape:
        raise UnsupportedError("its input has no axes")
    flat = at.reshape(at.read(name), (prod(shape),))
    dtype = at.graph.tensors[flat].dtype
    if dtype != "bool":
        zero = at.const(np.zeros(1, dtype))
        flat = at.add("NOT_EQUAL", [flat, zero], (prod(shape),), "bool")
    places = first_true(at, flat, count)
    at.write(result, at.cast(_apart(at, places, shape), "int64"))


def _apart(at: Lowering, places: int, shape: Sequence[int]) -> int:
    """Places (n,) in a tensor as its indices (axes, n)."""
    count = at.graph.tensors[places].size
    column = np.array([strides(shape)]).T
    divided = compute(at, "FLOOR_DIV", at.reshape(places, (1, count)), column)
    return compute(at, "FLOOR_MOD", divided, np.array([shape]).T)


OPERATORS: Table = {
    "Compress": compress,
    "Gather": gather,
    "GatherElements": gather_elements,
    "GatherND": gather_nd,
    "NonZero": non_zero,
}
