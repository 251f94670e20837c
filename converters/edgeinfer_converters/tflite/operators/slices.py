"""Parts of tensors: slices, splits, concatenations, borders, gathering."""

from __future__ import annotations

import numpy as np

from edgeinfer_converters.tflite.broadcast import common_layout, read_operand
from edgeinfer_converters.tflite.faults import UnsupportedError
from edgeinfer_converters.tflite.layouts import plain, stored_axis, stored_shape
from edgeinfer_converters.tflite.lowering import Lowering, Table
from edgeinfer_converters.tflite.nodes import Node


def concat(node: Node, at: Lowering) -> None:
    """Concat. In 8 bits all parts take the scale of the result, as the kernel wants it."""
    result, names = node.outputs[0], node.inputs
    layout = common_layout(at, names, at.rank(result))
    target = at.target(result)
    stored = target is not None and all(at.quant(name) is not None for name in names)
    parts = [read_operand(at, name, layout, stored=stored) for name in names if 0 not in at.shape(name)]
    if stored and target is not None:
        parts = [at.requantize(part, target) for part in parts]
    dtype = at.graph.tensors[parts[0]].dtype
    axis = stored_axis(node.integer("axis", 0), layout)
    written = at.add(
        "CONCATENATION",
        parts,
        stored_shape(at.shape(result), layout),
        dtype,
        target if stored else None,
        axis=axis,
        fusedActivationFunction="NONE",
    )
    at.write(result, written, layout)


def slice_(node: Node, at: Lowering) -> None:
    """Slice with constant bounds."""
    name, result = node.inputs[0], node.outputs[0]
    shape = at.shape(name)
    rank = len(shape)
    starts = at.need_constant(node, 1, "bounds").reshape(-1).tolist()
    ends = at.need_constant(node, 2, "bounds").reshape(-1).tolist()
    axes = (
        at.need_constant(node, 3, "axes").reshape(-1).tolist() if node.input(3) else list(range(len(starts)))
    )
    steps = at.need_constant(node, 4, "steps").reshape(-1).tolist() if node.input(4) else [1] * len(starts)
    begin, stride = [0] * rank, [1] * rank
    for axis, start, end, step in zip(axes, starts, ends, steps, strict=True):
        first, _, _ = slice(start, end, step).indices(shape[axis % rank])
        begin[axis % rank], stride[axis % rank] = first, step
    after = at.shape(result)
    if 0 in after:
        raise UnsupportedError("its result is empty")
    _cut(node, at, begin, stride, after)


def _cut(node: Node, at: Lowering, begin: list[int], stride: list[int], after: tuple[int, ...]) -> None:
    name, result = node.inputs[0], node.outputs[0]
    layout = at.layout(name)
    source = at.stored(name, layout)
    found = at.graph.tensors[source]
    sides = stored_shape(after, layout)
    first = stored_shape(begin, layout)
    if all(step == 1 for step in stride):
        inputs = [source, at.const(first), at.const(sides)]
        at.write(result, at.add("SLICE", inputs, sides, found.dtype, found.quant), layout)
        return
    steps = stored_shape(stride, layout)
    ends = [start + step * side for start, step, side in zip(first, steps, sides, strict=True)]
    mask = sum(1 << axis for axis, end in enumerate(ends) if end < 0)
    inputs = [source, at.const(first), at.const([max(end, 0) for end in ends]), at.const(steps)]
    written = at.add(
        "STRIDED_SLICE",
        inputs,
        sides,
        found.dtype,
        found.quant,
        beginMask=0,
        endMask=mask,
        ellipsisMask=0,
        newAxisMask=0,
        shrinkAxisMask=0,
    )
    at.write(result, written, layout)


def split(node: Node, at: Lowering) -> None:
    """Split into parts of any length: a slice each."""
    name = node.inputs[0]
    layout, rank = at.layout(name), at.rank(name)
    axis = node.integer("axis", 0) % rank
    source = at.stored(name, layout)
    found = at.graph.tensors[source]
    start = 0
    for result in node.outputs:
        shape = at.shape(result)
        begin = [0] * rank
        begin[axis] = start
        start += shape[axis]
        if not result or 0 in shape:
            continue
        sides = stored_shape(shape, layout)
        inputs = [source, at.const(stored_shape(begin, layout)), at.const(sides)]
        at.write(result, at.add("SLICE", inputs, sides, found.dtype, found.quant), layout)


def pad(node: Node, at: Lowering) -> None:
    """Pad with a number, or by reflection."""
    name, result = node.inputs[0], node.outputs[0]
    rank, layout = at.rank(name), at.layout(name)
    mode = node.text("mode", "constant")
    given = at.need_constant(node, 1, "borders").reshape(-1).tolist()
    axes = at.need_constant(node, 3, "axes").reshape(-1).tolist() if node.input(3) else list(range(rank))
    around = np.zeros((rank, 2), np.int32)
    for place, axis in enumerate(axes):
        around[axis % rank] = given[place], given[place + len(axes)]
    if (around < 0).any():
        raise UnsupportedError("negative borders, which cut off, have no equal")
    integer = at.is_integer(node, name) and not node.input(2)
    source = at.stored(name, layout) if integer else at.read(name, layout)
    found = at.graph.tensors[source]
    sides = stored_shape(at.shape(result), layout)
    borders = at.const(around[list(layout)])
    if mode == "constant":
        value = at.constant(node.input(2)) if node.input(2) else np.zeros(())
        if value is None:
            value_tensor = at.reshape(at.read(node.input(2)), ())
            written = at.add("PADV2", [source, borders, value_tensor], sides, found.dtype)
        elif not value.any():
            written = at.add("PAD", [source, borders], sides, found.dtype, found.quant)
        else:
            number = at.const(np.asarray(value.reshape(-1)[0], found.dtype))
            written = at.add("PADV2", [source, borders, number], sides, found.dtype)
    elif mode == "reflect":
        written = at.add("MIRROR_PAD", [source, borders], sides, found.dtype, mode="REFLECT")
    else:
        raise UnsupportedError(f"the mode `{mode}` has no equal")
    at.write(result, written, layout)


def gather(node: Node, at: Lowering) -> None:
    """Gather along one axis; negative indices are counted from the end."""
    name, indices = node.inputs[:2]
    axis = node.integer("axis", 0) % at.rank(name)
    values = at.constant(indices)
    if values is None:
        raise UnsupportedError("its indices are known only when the model runs")
    positions = np.where(values < 0, values + at.shape(name)[axis], values).astype(np.int32)
    source = at.stored(name)
    found = at.graph.tensors[source]
    shape = at.shape(node.outputs[0])
    written = at.add(
        "GATHER",
        [source, at.const(positions)],
        shape,
        found.dtype,
        found.quant,
        axis=axis,
        batchDims=0,
    )
    at.write(node.outputs[0], written, plain(len(shape)))


OPERATORS: Table = {"Concat": concat, "Gather": gather, "Pad": pad, "Slice": slice_, "Split": split}
