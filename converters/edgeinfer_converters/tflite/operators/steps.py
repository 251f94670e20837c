"""Single kernels on tensors by number: the shape of the result follows from those of the operands."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod

import numpy as np

from edgeinfer.frames import Array
from edgeinfer_converters.tflite.lowering import Lowering
from edgeinfer_converters.tflite.operators.arithmetic import combine
from edgeinfer_converters.tflite.tensors import OptionValue


def shape_of(at: Lowering, tensor: int) -> tuple[int, ...]:
    """The shape of a tensor."""
    return at.graph.tensors[tensor].shape


def with_number(at: Lowering, code: str, tensor: int, number: float) -> int:
    """A kernel of two operands on a tensor and a number."""
    found = at.graph.tensors[tensor]
    return combine(at, code, tensor, at.const(np.full((1,) * len(found.shape), number, found.dtype)))


def with_values(at: Lowering, code: str, tensor: int, values: Array) -> int:
    """A kernel of two operands on a tensor and constants of its rank, taken in its element type."""
    return combine(at, code, tensor, at.const(values.astype(at.graph.tensors[tensor].dtype)))


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


def selected(at: Lowering, where: int, one: int, other: int) -> int:
    """Elements of one tensor where a condition of the same shape holds, of another elsewhere."""
    found = at.graph.tensors[one]
    return at.add("SELECT_V2", [where, one, other], found.shape, found.dtype)


def compared(at: Lowering, code: str, tensor: int, number: float) -> int:
    """Whether each element compares with a number."""
    found = at.graph.tensors[tensor]
    other = at.const(np.full((1,) * len(found.shape), number, found.dtype))
    return at.add(code, [tensor, other], found.shape, "bool")


def polynomial(at: Lowering, tensor: int, factors: Sequence[float]) -> int:
    """A polynomial of each element; the factor of the highest power comes first."""
    total = with_number(at, "MUL", tensor, factors[0])
    for factor in factors[1:-1]:
        total = combine(at, "MUL", with_number(at, "ADD", total, factor), tensor)
    return with_number(at, "ADD", total, factors[-1])
