"""Parts of tensors: slices with constant bounds and with computed ones, splits."""

from __future__ import annotations

import numpy as np

from edgeinfer.frames import Array
from edgeinfer_converters.tflite.layouts import Shape, stored_axis, stored_shape
from edgeinfer_converters.tflite.lowering import Lowering, Table
from edgeinfer_converters.tflite.moving import movable, refuse_empty
from edgeinfer_converters.tflite.nodes import Node
from edgeinfer_converters.tflite.places import by_axis, from_start
from edgeinfer_converters.tflite.steps import compute, gathered


def slice_(node: Node, at: Lowering) -> None:
    """Slice: where it ends follows from the shape of the result, which must be known."""
    starts, axes = at.constant(node.inputs[1]), at.constant(node.input(3))
    steps = _steps(node, at)
    if starts is None or steps is None or (axes is None and node.input(3)):
        _slice_by_places(node, at, steps)
    else:
        rank = at.rank(node.inputs[0])
        places = np.arange(len(starts)) if axes is None else axes.reshape(-1) % rank
        pairs = zip(starts.tolist(), steps.tolist(), strict=True)
        _slice_by_bounds(node, at, dict(zip(places.tolist(), pairs, strict=True)))


def _steps(node: Node, at: Lowering) -> Array | None:
    """The steps, one for each start; None where the model computes them."""
    return at.constant(node.input(4)) if node.input(4) else np.ones(at.shape(node.inputs[1]), np.int64)


def _slice_by_bounds(node: Node, at: Lowering, bounds: dict[int, tuple[int, int]]) -> None:
    """Cut out by one operator. `bounds`: start and step by axis."""
    name, result = node.inputs[0], node.outputs[0]
    shape, after = at.shape(name), at.shape(result)
    rank = len(shape)
    begin, stride = [0] * rank, [1] * rank
    for axis, (start, step) in bounds.items():
        begin[axis] = slice(start, None, step).indices(shape[axis])[0]
        stride[axis] = step if after[axis] != 1 else 1
    if 0 in after:
        begin, stride = [0] * rank, [1] * rank
    layout = at.layout(name)
    source = at.stored(name, layout)
    first, steps = stored_shape(begin, layout), stored_shape(stride, layout)
    at.write(result, _cut(at, source, first, steps, stored_shape(after, layout)), layout)


def _cut(at: Lowering, source: int, first: Shape, steps: Shape, sides: Shape) -> int:
    """A part of a tensor, everything in the stored order of axes."""
    found = at.graph.tensors[source]
    if all(step == 1 for step in steps):
        inputs = [source, at.const(first), at.const(sides)]
        return at.add("SLICE", inputs, sides, found.dtype, found.quant)
    ends = [start + step * side for start, step, side in zip(first, steps, sides, strict=True)]
    mask = sum(1 << axis for axis, end in enumerate(ends) if end < 0)
    inputs = [source, at.const(first), at.const([max(end, 0) for end in ends]), at.const(steps)]
    options = {"beginMask": 0, "endMask": mask, "ellipsisMask": 0, "newAxisMask": 0, "shrinkAxisMask": 0}
    return at.add("STRIDED_SLICE", inputs, sides, found.dtype, found.quant, **options)


def _slice_by_places(node: Node, at: Lowering, steps: Array | None) -> None:
    """Gather along each axis: start + i * step. `steps`: those that are constant."""
    name, result = node.inputs[0], node.outputs[0]
    refuse_empty(at, name, result)
    layout, rank = at.layout(name), at.rank(name)
    before, after = at.shape(name), at.shape(result)
    starts = by_axis(at, at.read(node.inputs[1]), node.input(3), rank)
    given = at.const(steps) if steps is not None else at.read(node.input(4))
    strides = by_axis(at, compute(at, "ADD", given, np.array([-1])), node.input(3), rank)
    only_forward = steps is not None and bool((steps > 0).all())
    source = movable(at, name, "GATHER", layout)
    for axis, start in starts.items():
        if after[axis] == before[axis] and only_forward:
            continue
        first = _inside(at, start, before[axis])
        stride = compute(at, "ADD", at.cast(strides[axis], "int32"), np.array([1]))
        along = compute(at, "MUL", stride, np.arange(after[axis]))
        places = at.add("ADD", [along, first], (after[axis],), "int32", fusedActivationFunction="NONE")
        source = gathered(at, source, places, stored_axis(axis, layout))
    at.write(result, source, layout)


def _inside(at: Lowering, start: int, side: int) -> int:
    """A start (1,) as int32, counted from the start of the axis and inside it."""
    found = from_start(at, start, (side,))
    above = compute(at, "MAXIMUM", found, np.array([0]))
    return at.cast(compute(at, "MINIMUM", above, np.array([side - 1])), "int32")


def split(node: Node, at: Lowering) -> None:
    """Split into parts of any length: a slice each."""
    name = node.inputs[0]
    layout, rank = at.layout(name), at.rank(name)
    axis = node.integer("axis", 0) % rank
    source = at.stored(name, layout)
    start = 0
    for result in node.outputs:
        shape = at.shape(result)
        first = [start if one == axis else 0 for one in range(rank)]
        start += shape[axis]
        part = _cut(at, source, stored_shape(first, layout), (1,) * rank, stored_shape(shape, layout))
        at.write(result, part, layout)


OPERATORS: Table = {"Slice": slice_, "Split": split}
