"""Operands of different shapes: TFLite's kernels broadcast over four axes, ONNX over any number."""

from __future__ import annotations

from collections.abc import Sequence

from edgeinfer_converters.tflite.layouts import Layout, Shape, plain
from edgeinfer_converters.tflite.lowering import Lowering

MAX_AXES = 4
"""What all kernels broadcast over; some do over more."""


def common_layout(at: Lowering, names: Sequence[str], rank: int) -> Layout:
    """The layout of the largest operand of full rank, so that it need not be transposed."""
    full = [name for name in names if name in at.values and at.rank(name) == rank]
    if not full:
        return plain(rank)
    return at.layout(max(full, key=lambda name: _size(at.shape(name))))


def read_operand(at: Lowering, name: str, layout: Layout, *, stored: bool = False) -> int:
    """An operand with as many axes as `layout`, stored in it; with `stored` integers stay integers."""
    missing = len(layout) - at.rank(name)
    read = at.stored if stored else at.read
    if not missing:
        return read(name, layout)
    tensor = read(name)
    whole = at.reshape(tensor, (*(1,) * missing, *at.graph.tensors[tensor].shape))
    return at.transpose(whole, layout)


def few_axes(at: Lowering, operands: Sequence[int], result: Shape) -> tuple[list[int], Shape]:
    """Operands and result with at most four axes: axes that broadcast alike are merged.

    Where that does not do, operands are expanded. All operands must have the rank of the result.
    """
    shapes = [at.graph.tensors[one].shape for one in operands]
    if all(shape == result for shape in shapes) or len(result) <= MAX_AXES:
        return list(operands), result
    groups = _alike(shapes, result)
    if len(groups) > MAX_AXES:
        return [expand(at, one, result) for one in operands], result
    merged = [tuple(_size([shape[axis] for axis in group]) for group in groups) for shape in shapes]
    sides = tuple(_size([result[axis] for axis in group]) for group in groups)
    return [at.reshape(one, shape) for one, shape in zip(operands, merged, strict=True)], sides


def expand(at: Lowering, tensor: int, shape: Shape) -> int:
    """A tensor repeated to a shape."""
    found = at.graph.tensors[tensor]
    if found.shape == tuple(shape):
        return tensor
    return at.add("BROADCAST_TO", [tensor, at.const(shape)], shape, found.dtype, found.quant)


def _alike(shapes: Sequence[Shape], result: Shape) -> list[list[int]]:
    """Neighbouring axes that each operand either has or repeats throughout."""
    groups: list[list[int]] = []
    last: tuple[bool, ...] | None = None
    for axis, side in enumerate(result):
        pattern = tuple(shape[axis] == side for shape in shapes)
        if (side == 1 and groups) or pattern == last:
            groups[-1].append(axis)
        else:
            groups.append([axis])
            last = pattern if side != 1 else None
    return groups


def _size(shape: Sequence[int]) -> int:
    size = 1
    for side in shape:
        size *= side
    return size
