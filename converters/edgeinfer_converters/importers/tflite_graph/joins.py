"""Tensors put together, and padded."""

from __future__ import annotations

import numpy as np
from ai_edge_litert.schema_py_generated import MirrorPadMode

from edgeinfer.errors import ModelError
from edgeinfer_converters.importers.tflite_graph.activations import finish
from edgeinfer_converters.importers.tflite_graph.layouts import prefers_planes
from edgeinfer_converters.importers.tflite_graph.parts import NoEqualError
from edgeinfer_converters.importers.tflite_graph.step import Step, moved, permuted

MAX_PAD = 2**24
"""Elements on one side."""


def concatenation(step: Step) -> None:
    """One behind the other along an axis."""
    axis, count = step.out().axis(step.options.whole("axis")), len(step.operator.inputs)
    planes = prefers_planes(step) and all(step.known(place) is None for place in range(count))
    names = [step.read(place, planes=planes) for place in range(count)]
    finish(step, step.emit("Concat", *names, axis=moved(axis, planes=planes)), planes=planes)


def pack(step: Step) -> None:
    """One behind the other along a new axis."""
    axis = step.out().axis(step.options.whole("axis"))
    place = step.constant([axis])
    names = [step.emit("Unsqueeze", step.rows(one), place) for one in range(len(step.operator.inputs))]
    step.write(step.emit("Concat", *names, axis=axis))


def pad(step: Step) -> None:
    """Zeros, or the number of the third input, before and behind each axis."""
    planes = prefers_planes(step, 0)
    starts, ends = (permuted(side, planes=planes) for side in _pads(step))
    value = (step.rows(2),) if step.has(2) else ()
    if value and step.tensor(2).rank:
        value = (step.emit("Reshape", value[0], step.constant([], "int64")),)
    name = step.emit("Pad", step.read(0, planes=planes), step.constant([*starts, *ends]), *value)
    step.write(name, planes=planes)


def mirror_pad(step: Step) -> None:
    """Mirrored at the first and last element, which themselves are repeated if the mode is symmetric."""
    mode = step.options.whole("mode")
    if mode not in (MirrorPadMode.REFLECT, MirrorPadMode.SYMMETRIC):
        raise NoEqualError(f"its mode is number {mode}")
    planes = prefers_planes(step, 0)
    starts, ends = _pads(step)
    name = step.read(0, planes=planes)
    if mode == MirrorPadMode.REFLECT:
        sides = [*permuted(starts, planes=planes), *permuted(ends, planes=planes)]
        name = step.emit("Pad", name, step.constant(sides), mode="reflect")
    else:
        for axis, (start, end) in enumerate(zip(starts, ends, strict=True)):
            if start or end:
                indices = _symmetric(step, axis, start, end)
                name = step.emit("Gather", name, indices, axis=moved(axis, planes=planes))
    step.write(name, planes=planes)


def _symmetric(step: Step, axis: int, start: int, end: int) -> str:
    size = step.tensor(0).size(axis)
    if max(start, end) > size or size > MAX_PAD:
        raise ModelError(f"{step.where}: {size} elements cannot be mirrored into {max(start, end)}")
    return step.constant(np.pad(np.arange(size), (start, end), mode="symmetric"))


def _pads(step: Step) -> tuple[list[int], list[int]]:
    """Before and behind each axis."""
    sides, rank = step.wholes(1, "padding"), step.tensor(0).rank
    if len(sides) != 2 * rank or not all(0 <= side <= MAX_PAD for side in sides):
        raise ModelError(f"{step.where}: {sides} is no padding of {rank} axes")
    return sides[::2], sides[1::2]
