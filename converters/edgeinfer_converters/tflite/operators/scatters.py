"""Operators that put elements at indices of a tensor."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod

import numpy as np

from edgeinfer.frames import Array
from edgeinfer_converters.tflite.faults import UnsupportedError
from edgeinfer_converters.tflite.layouts import stored_shape
from edgeinfer_converters.tflite.lowering import Lowering, Table
from edgeinfer_converters.tflite.moving import in_type, moved_back, refuse_empty
from edgeinfer_converters.tflite.nodes import Node
from edgeinfer_converters.tflite.places import element_places, row_places
from edgeinfer_converters.tflite.steps import compute, gathered, select

MAX_COMPARED = 1 << 20
"""Elements of the table (updates, rows, row) that a reduction other than a sum is computed with."""

_REDUCTIONS = {
    "max": ("REDUCE_MAX", "MAXIMUM"),
    "min": ("REDUCE_MIN", "MINIMUM"),
    "mul": ("REDUCE_PROD", "MUL"),
}


def scatter_elements(node: Node, at: Lowering) -> None:
    """ScatterElements: a row has one element, the elements are numbered as they are stored."""
    name, indices, updates = node.inputs[:3]
    refuse_empty(at, name, indices)
    layout = at.layout(name)
    shape, axis = at.shape(name), node.integer("axis", 0) % at.rank(name)
    rows = element_places(at, indices, axis, shape, layout)
    table = at.reshape(_readable(at, name, layout), (prod(shape), 1))
    given = at.reshape(_readable(at, updates, at.layout(indices)), (prod(at.shape(indices)), 1))
    written = scattered(at, table, rows, given, node.text("reduction", "none"))
    moved_back(at, node.outputs[0], at.reshape(written, stored_shape(shape, layout)), layout)


def scatter_nd(node: Node, at: Lowering) -> None:
    """ScatterND: the rows are what an index tuple stands for."""
    name, indices, updates = node.inputs[:3]
    refuse_empty(at, name, indices)
    shape, depth = at.shape(name), at.shape(indices)[-1]
    rows = row_places(at, indices, shape)
    inner = prod(shape[depth:])
    table = at.reshape(_readable(at, name), (prod(shape[:depth]), inner))
    given = at.reshape(_readable(at, updates), (prod(at.shape(indices)[:-1]), inner))
    written = scattered(at, table, rows, given, node.text("reduction", "none"))
    moved_back(at, node.outputs[0], at.reshape(written, shape))


def tensor_scatter(node: Node, at: Lowering) -> None:
    """TensorScatter: new entries of a cache along one axis, each batch's from an index of its own on."""
    name, updates = node.inputs[:2]
    refuse_empty(at, name, updates)
    shape, given = at.shape(name), at.shape(updates)
    axis = node.integer("axis", -2) % len(shape)
    inner = prod(shape[axis + 1 :])
    rows = _cache_rows(node, at, shape[: axis + 1], given[: axis + 1])
    table = at.reshape(_readable(at, name), (prod(shape[: axis + 1]), inner))
    rows_given = at.reshape(_readable(at, updates), (prod(given[: axis + 1]), inner))
    moved_back(at, node.outputs[0], at.reshape(scattered(at, table, rows, rows_given), shape))


def _cache_rows(node: Node, at: Lowering, shape: Sequence[int], given: Sequence[int]) -> int:
    """The rows, flat, that updates of a cache go to; both shapes end with the axis that is written along."""
    batch, side = given[0], shape[-1]
    starts = at.read_as(node.input(2), "int32") if node.input(2) else at.const(np.zeros(batch, np.int32))
    steps = np.broadcast_to(np.arange(given[-1]), given).reshape(batch, -1)
    along = compute(at, "ADD", at.reshape(starts, (batch, 1)), steps)
    if node.text("mode", "linear") == "circular":
        along = compute(at, "FLOOR_MOD", along, np.array([[side]]))
    before = np.arange(prod(shape[:-1])).reshape(batch, -1, 1) * side
    bases = np.broadcast_to(before, (batch, before.shape[1], given[-1])).reshape(batch, -1)
    return at.reshape(compute(at, "ADD", along, bases), (prod(given),))


def scattered(at: Lowering, table: int, rows: int, updates: int, reduction: str = "none") -> int:
    """A table (rows, row) with updates (n, row) put at rows (n,), or combined with what is there.

    Without a reduction no row may be named twice, as ONNX demands. Raises UnsupportedError.
    """
    places = at.graph.tensors[rows].data
    if reduction == "none":
        return _put(at, table, rows, updates) if places is None else _merged(at, table, places, updates)
    if reduction == "add":
        found = at.graph.tensors[table]
        total = _spread(at, rows, updates, found.shape)
        return at.add("ADD", [table, total], found.shape, found.dtype, fusedActivationFunction="NONE")
    if reduction not in _REDUCTIONS:
        raise UnsupportedError(f"the reduction `{reduction}` is not known")
    return _combined(at, table, rows, updates, reduction)


def _put(at: Lowering, table: int, rows: int, updates: int) -> int:
    found, count = at.graph.tensors[table], at.graph.tensors[rows].size
    ones = at.const(np.ones((count, 1), np.int32))
    named = _spread(at, rows, ones, (found.shape[0], 1))
    is_named = compute(at, "GREATER", named, np.zeros((1, 1)))
    return select(at, is_named, _spread(at, rows, updates, found.shape), table)


def _merged(at: Lowering, table: int, places: Array, updates: int) -> int:
    """Rows of the table and of the updates, picked from both by constant indices."""
    found, added = at.graph.tensors[table], at.graph.tensors[updates]
    origins = np.arange(found.shape[0], dtype=np.int32)
    origins[places] = found.shape[0] + np.arange(len(places))
    shape = (found.shape[0] + added.shape[0], found.shape[1])
    both = at.add(
        "CONCATENATION", [table, updates], shape, found.dtype, axis=0, fusedActivationFunction="NONE"
    )
    return gathered(at, both, at.const(origins), 0)


def _spread(at: Lowering, rows: int, updates: int, shape: Sequence[int]) -> int:
    """Updates at their rows, zeros elsewhere; those of one row are added up."""
    count = at.graph.tensors[rows].size
    inputs = [at.reshape(rows, (count, 1)), updates, at.const(tuple(shape))]
    return at.add("SCATTER_ND", inputs, shape, at.graph.tensors[updates].dtype)


def _combined(at: Lowering, table: int, rows: int, updates: int, reduction: str) -> int:
    """Each row with all updates that name it: they are reduced where the others are neutral."""
    found, count = at.graph.tensors[table], at.graph.tensors[rows].size
    sides = (count, *found.shape)
    if prod(sides) > MAX_COMPARED:
        raise UnsupportedError(f"the reduction `{reduction}` would compare {prod(sides)} elements")
    reduce_code, code = _REDUCTIONS[reduction]
    numbers = at.const(np.arange(found.shape[0], dtype=np.int32).reshape(1, -1, 1))
    is_named = at.add("EQUAL", [at.reshape(rows, (count, 1, 1)), numbers], (count, found.shape[0], 1), "bool")
    neutral = at.const(np.full((1, 1, 1), _neutral(reduction, found.dtype), found.dtype))
    chosen = select(at, is_named, at.reshape(updates, (count, 1, found.shape[1])), neutral)
    if at.graph.tensors[chosen].shape != sides:
        raise UnsupportedError("its updates do not have the shape that its indices ask for")
    whole = at.add(reduce_code, [chosen, at.const([0])], found.shape, found.dtype, keepDims=False)
    options = {"fusedActivationFunction": "NONE"} if code == "MUL" else {}
    return at.add(code, [table, whole], found.shape, found.dtype, **options)


def _neutral(reduction: str, dtype: str) -> float | int:
    """What changes nothing under a reduction."""
    if reduction == "mul":
        return 1
    if dtype == "float32":
        return -np.inf if reduction == "max" else np.inf
    limits = np.iinfo(dtype)
    return int(limits.min if reduction == "max" else limits.max)


def _readable(at: Lowering, name: str, layout: tuple[int, ...] | None = None) -> int:
    return in_type(at, at.read(name, layout), "SCATTER_ND")


OPERATORS: Table = {
    "Scatter": scatter_elements,
    "ScatterElements": scatter_elements,
    "ScatterND": scatter_nd,
    "TensorScatter": tensor_scatter,
}
