"""Single kernels on tensors by number: the shape of the result follows from those of the operands.

What is known beforehand is computed beforehand, where kernels compute exactly what numpy does.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from math import prod
from typing import Any

import numpy as np

from edgeinfer.frames import Array
from edgeinfer_converters.tflite.broadcast import few_axes
from edgeinfer_converters.tflite.lowering import Lowering
from edgeinfer_converters.tflite.tensors import OptionValue

FUSING = frozenset({"ADD", "DIV", "MUL", "SUB"})
"""Kernels that can apply an activation."""

_TELLING = frozenset({"EQUAL", "GREATER", "GREATER_EQUAL", "LESS", "LESS_EQUAL", "NOT_EQUAL"})
"""Kernels that compare."""

_FOLDED: Mapping[str, Callable[[Any, Any], Any]] = {
    "ADD": np.add,
    "FLOOR_DIV": np.floor_divide,
    "FLOOR_MOD": np.mod,
    "GREATER": np.greater,
    "GREATER_EQUAL": np.greater_equal,
    "LESS": np.less,
    "LESS_EQUAL": np.less_equal,
    "LOGICAL_AND": np.logical_and,
    "MAXIMUM": np.maximum,
    "MINIMUM": np.minimum,
    "MUL": np.multiply,
    "SUB": np.subtract,
}


def shape_of(at: Lowering, tensor: int) -> tuple[int, ...]:
    """The shape of a tensor."""
    return at.graph.tensors[tensor].shape


def combine(at: Lowering, code: str, one: int, other: int) -> int:
    """One kernel on two tensors of the same rank and type, which may broadcast."""
    left, right = at.graph.tensors[one], at.graph.tensors[other]
    shape = tuple(max(a, b) if 0 not in (a, b) else 0 for a, b in zip(left.shape, right.shape, strict=True))
    operands, sides = few_axes(at, [one, other], shape)
    options: dict[str, OptionValue] = {"fusedActivationFunction": "NONE"} if code in FUSING else {}
    kind = "bool" if code in _TELLING else left.dtype
    return at.reshape(at.add(code, operands, sides, kind, **options), shape)


def compute(at: Lowering, code: str, tensor: int, values: Array) -> int:
    """A kernel of two operands on a tensor and constants, taken in its element type; both broadcast."""
    found = at.graph.tensors[tensor]
    right = np.asarray(values, found.dtype)
    if found.data is not None and code in _FOLDED:
        return at.const(np.asarray(_FOLDED[code](found.data, right)))
    rank = max(right.ndim, len(found.shape))
    left = at.reshape(tensor, _ranked(found.shape, rank))
    return combine(at, code, left, at.const(right.reshape(_ranked(right.shape, rank))))


def with_number(at: Lowering, code: str, tensor: int, number: float) -> int:
    """A kernel of two operands on a tensor and a number."""
    return compute(at, code, tensor, np.full((1,) * len(shape_of(at, tensor)), number))


def select(at: Lowering, where: int, one: int, other: int) -> int:
    """Elements of one tensor where a condition holds, of another elsewhere; all broadcast."""
    condition, left, right = (at.graph.tensors[tensor] for tensor in (where, one, other))
    if condition.data is not None and left.data is not None and right.data is not None:
        return at.const(np.where(condition.data, left.data, right.data))
    shape = np.broadcast_shapes(condition.shape, left.shape, right.shape)
    return at.add("SELECT_V2", [where, one, other], shape, left.dtype, left.quant)


def _ranked(shape: Sequence[int], rank: int) -> tuple[int, ...]:
    return (*(1,) * (rank - len(shape)), *shape)


def reduced(at: Lowering, code: str, tensor: int, axes: Sequence[int]) -> int:
    """A reduction over axes, which stay with length 1."""
    found = at.graph.tensors[tensor]
    sides = tuple(1 if axis in axes else side for axis, side in enumerate(found.shape))
    return at.add(code, [tensor, at.const(tuple(axes))], sides, found.dtype, keepDims=True)


def gathered(at: Lowering, tensor: int, indices: Array | int, axis: int) -> int:
    """What lies at indices along an axis; the axes of the indices take its place."""
    found = at.graph.tensors[tensor]
    places = indices if isinstance(indices, int) else at.const(indices.astype(np.int32))
    shape = (*found.shape[:axis], *shape_of(at, places), *found.shape[axis + 1 :])
    return at.add("GATHER", [tensor, places], shape, found.dtype, found.quant, axis=axis, batchDims=0)


def cut(at: Lowering, tensor: int, begin: Sequence[int], sides: Sequence[int]) -> int:
    """A box of a tensor; the tensor itself where the box is all of it."""
    found = at.graph.tensors[tensor]
    if tuple(sides) == found.shape:
        return tensor
    if found.data is not None and found.quant is None:
        box = tuple(slice(first, first + side) for first, side in zip(begin, sides, strict=True))
        return at.graph.constant(found.data[box], found.name)
    inputs = [tensor, at.const(tuple(begin)), at.const(tuple(sides))]
    return at.add("SLICE", inputs, sides, found.dtype, found.quant)


def cut_axis(at: Lowering, tensor: int, axis: int, begin: int, side: int) -> int:
    """A part of a tensor along one axis."""
    shape = shape_of(at, tensor)
    start = tuple(begin if one == axis else 0 for one in range(len(shape)))
    return cut(at, tensor, start, (*shape[:axis], side, *shape[axis + 1 :]))


def padded(at: Lowering, tensor: int, around: Sequence[tuple[int, int]], value: float = 0.0) -> int:
    """A tensor with borders: of real zeros, or of another number if it is not quantized."""
    if not any(before or after for before, after in around):
        return tensor
    found = at.graph.tensors[tensor]
    shape = [side + before + after for side, (before, after) in zip(found.shape, around, strict=True)]
    if value == 0.0:
        return at.add("PAD", [tensor, at.const(around)], shape, found.dtype, found.quant)
    inputs = [tensor, at.const(around), at.const(np.asarray(value, found.dtype))]
    return at.add("PADV2", inputs, shape, found.dtype)


def joined(at: Lowering, tensors: Sequence[int], axis: int) -> int:
    """Tensors one behind the other along an axis; they must share type and scale."""
    if len(tensors) == 1:
        return tensors[0]
    found = at.graph.tensors[tensors[0]]
    side = sum(shape_of(at, tensor)[axis] for tensor in tensors)
    shape = (*found.shape[:axis], side, *found.shape[axis + 1 :])
    options: dict[str, OptionValue] = {"axis": axis, "fusedActivationFunction": "NONE"}
    return at.add("CONCATENATION", tensors, shape, found.dtype, found.quant, **options)


def multiplied(at: Lowering, one: int, other: int) -> int:
    """The matrix product of two float tensors of the same rank; the axes before the last two are equal, or
    1 in one of them."""
    left, right = shape_of(at, one), shape_of(at, other)
    batch = np.broadcast_shapes(left[:-2], right[:-2])
    shape = (*batch, left[-2], right[-1])
    return at.add("BATCH_MATMUL", [one, other], shape, "float32", adjX=False, adjY=False)


def along(at: Lowering, tensor: int, axis: int, matrix: Array | int) -> int:
    """A float tensor with a matrix (after, before) applied along one axis."""
    weights = matrix if isinstance(matrix, int) else at.const(matrix.astype(np.float32))
    shape, sides = shape_of(at, tensor), shape_of(at, weights)
    result = (*shape[:axis], sides[0], *shape[axis + 1 :])
    outer, inner = prod(shape[:axis]), prod(shape[axis + 1 :])
    if inner == 1:
        rows = at.reshape(tensor, (outer, shape[axis]))
        return at.reshape(linear(at, rows, weights), result)
    flat = at.reshape(tensor, (outer, shape[axis], inner) if outer > 1 else (shape[axis], inner))
    left = at.reshape(weights, (1, *sides)) if outer > 1 else weights
    return at.reshape(multiplied(at, left, flat), result)


def linear(at: Lowering, rows: int, weights: int, bias: int = -1) -> int:
    """Rows (N, inputs) times weights (outputs, inputs), plus a bias for each output."""
    shape = (shape_of(at, rows)[0], shape_of(at, weights)[0])
    options: dict[str, OptionValue] = {"fusedActivationFunction": "NONE", "keepNumDims": False}
    return at.add("FULLY_CONNECTED", [rows, weights, bias], shape, "float32", **options)


def polynomial(at: Lowering, tensor: int, factors: Sequence[float]) -> int:
    """A polynomial of each element; the factor of the highest power comes first."""
    total = with_number(at, "MUL", tensor, factors[0])
    for factor in factors[1:-1]:
        total = combine(at, "MUL", with_number(at, "ADD", total, factor), tensor)
    return with_number(at, "ADD", total, factors[-1])
