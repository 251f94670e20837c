"""Arithmetic with indices: done beforehand where they are constant, with int32 tensors where they are not.

A *place* is the number of an element, or of a row, in a tensor that is stored row by row. Indices that
are out of the range of their axis, which ONNX forbids, give another element or an error on the device.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import prod

import numpy as np

from edgeinfer_converters.tflite.layouts import Layout, Shape, stored_shape
from edgeinfer_converters.tflite.lowering import Lowering
from edgeinfer_converters.tflite.steps import compute, cut, select


def from_start(at: Lowering, tensor: int, sides: Sequence[int]) -> int:
    """Indices, of which negative ones count from the end, as such that count from the start.

    `tensor`: integers (..., n); `sides`: the n lengths of the axes, or one for all.
    """
    found = at.graph.tensors[tensor]
    if found.data is not None and not (found.data < 0).any():
        return tensor
    shape = found.shape
    rows = at.reshape(tensor, (found.size // len(sides), len(sides)))
    lengths = np.array([sides])
    moved = compute(at, "ADD", rows, lengths)
    inside = select(at, compute(at, "LESS", rows, np.zeros((1, 1))), moved, rows)
    return at.reshape(inside, shape)


def read_indices(at: Lowering, name: str, sides: Sequence[int], layout: Layout | None = None) -> int:
    """An ONNX tensor of indices as int32 that count from the start; see `from_start`."""
    return from_start(at, at.read_as(name, "int32", layout), sides)


def strides(shape: Sequence[int]) -> Shape:
    """How many places lie between neighbours along each axis."""
    return tuple(prod(shape[axis + 1 :]) for axis in range(len(shape)))


def element_places(at: Lowering, name: str, axis: int, shape: Shape, layout: Layout) -> int:
    """Where the elements lie that indices along one axis stand for: flat, as the indices are stored.

    `name`: the indices, of the rank of the tensor that they point into; `shape`, `layout`: that tensor's.
    """
    order = at.layout(name)
    indices = at.reshape(read_indices(at, name, (shape[axis],), order), (prod(at.shape(name)),))
    steps = dict(zip(layout, strides(stored_shape(shape, layout)), strict=True))
    others = [one for one in layout if one != axis]
    grid = np.indices(at.shape(name), dtype=np.int32)
    rest = sum((grid[one] * steps[one] for one in others), np.zeros(at.shape(name), np.int32))
    scaled = indices if steps[axis] == 1 else compute(at, "MUL", indices, np.array([steps[axis]]))
    return compute(at, "ADD", scaled, rest.transpose(order).reshape(-1))


def row_places(at: Lowering, name: str, shape: Shape, batch: int = 0) -> int:
    """Where the rows lie that index tuples (batch..., ..., n) stand for, flat.

    `shape`: the tensor's; the first `batch` axes are common to both, the tuples point into the next n.
    """
    given = at.shape(name)
    depth, outer = given[-1], prod(shape[:batch])
    sides = shape[batch : batch + depth]
    tuples = at.reshape(read_indices(at, name, sides), (prod(given[:-1]), depth))
    steps = strides(sides)
    if depth > 1:
        scaled = compute(at, "MUL", tuples, np.array([steps]))
        flat = _total(at, scaled)
    else:
        flat = at.reshape(tuples, (prod(given[:-1]),))
    if outer == 1:
        return flat
    starts = np.repeat(np.arange(outer) * prod(sides), prod(given[:-1]) // outer)
    return compute(at, "ADD", flat, starts)


def _total(at: Lowering, rows: int) -> int:
    found = at.graph.tensors[rows]
    if found.data is not None:
        return at.const(found.data.sum(1, dtype=np.int32))
    return at.add("SUM", [rows, at.const([1])], found.shape[:1], found.dtype, keepDims=False)


def by_axis(at: Lowering, numbers: int, axes: str, rank: int) -> dict[int, int]:
    """A number (1,) for each axis that `axes` names; for all axes, 0 by default, where it is computed.

    `numbers` (n,): one for each of the axes, which are the first n where `axes` is empty.
    """
    found, named = at.graph.tensors[numbers], at.constant(axes) if axes else None
    if named is None and not axes:
        named = np.arange(found.size)
    if named is None:
        places = at.reshape(read_indices(at, axes, (rank,)), (found.size, 1))
        numbers = at.add("SCATTER_ND", [places, numbers, at.const([rank])], (rank,), found.dtype)
        named = np.arange(rank)
    return {int(axis) % rank: one_of(at, numbers, place) for place, axis in enumerate(named.reshape(-1))}


def one_of(at: Lowering, numbers: int, place: int) -> int:
    """One of the numbers (n,), as (1,)."""
    return cut(at, numbers, (place,), (1,))
