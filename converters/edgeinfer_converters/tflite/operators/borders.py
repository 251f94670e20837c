"""Borders around tensors, and what is left of them without."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from edgeinfer.frames import Array
from edgeinfer_converters.tflite.faults import UnsupportedError
from edgeinfer_converters.tflite.layouts import Shape, stored_axis, stored_shape
from edgeinfer_converters.tflite.lowering import Lowering, Table
from edgeinfer_converters.tflite.moving import movable, refuse_empty
from edgeinfer_converters.tflite.nodes import Node
from edgeinfer_converters.tflite.places import by_axis
from edgeinfer_converters.tflite.steps import compute, gathered, select

_MAX_PADDED = 6
"""The axes that the kernel PAD takes."""


def pad(node: Node, at: Lowering) -> None:
    """Pad, in all modes, with borders that are constant or follow from the shape of the result."""
    name, result = node.inputs[0], node.outputs[0]
    refuse_empty(at, name, result)
    mode = node.text("mode", "constant")
    if mode not in ("constant", "edge", "reflect", "wrap"):
        raise UnsupportedError(f"the mode `{mode}` is not known")
    around = _constant_borders(node, at)
    if around is None:
        _pad_by_places(node, at, mode, _computed_starts(node, at))
    elif mode == "constant":
        pad_with_number(node, at, around, node.input(2))
    elif mode == "reflect" and _mirrors(at.shape(name), around):
        _mirror(node, at, around)
    else:
        starts = {axis: at.const([before]) for axis, (before, after) in enumerate(around) if before or after}
        _pad_by_places(node, at, mode, starts)


def _constant_borders(node: Node, at: Lowering) -> Array | None:
    """Borders (axis, before and after); negative ones cut off."""
    rank = at.rank(node.inputs[0])
    given, axes = at.constant(node.inputs[1]), at.constant(node.input(3))
    if given is None or (axes is None and node.input(3)):
        return None
    around = np.zeros((rank, 2), np.int64)
    around[range(rank) if axes is None else axes.reshape(-1)] = given.reshape(2, -1).T
    return around


def _computed_starts(node: Node, at: Lowering) -> dict[int, int]:
    """The borders before each axis (1,), int32; those behind follow from the shape of the result."""
    rank, count = at.rank(node.inputs[0]), at.shape(node.inputs[1])[0] // 2
    borders = at.read_as(node.inputs[1], "int32")
    before = at.add("SLICE", [borders, at.const([0]), at.const([count])], (count,), "int32")
    return by_axis(at, before, node.input(3), rank)


def pad_with_number(node: Node, at: Lowering, around: Array, number: str) -> None:
    """Cut off what negative borders say, and add the others: of zeros, or of the ONNX tensor `number`."""
    name, result = node.inputs[0], node.outputs[0]
    layout = at.layout(name)
    value = np.zeros(1) if not number else at.constant(number)
    is_zero = value is not None and not value.any()
    source = movable(at, name, "PAD", layout) if is_zero else at.read(name, layout)
    source = _cut(at, source, around[list(layout)])
    added = np.maximum(around, 0)[list(layout)].astype(np.int32)
    found, sides = at.graph.tensors[source], stored_shape(at.shape(result), layout)
    if added.any():
        merged, borders = _few_axes(added, found.shape)
        source = at.reshape(source, merged)
        shape = tuple(side + int(one.sum()) for side, one in zip(merged, borders, strict=True))
        if is_zero:
            source = at.add("PAD", [source, at.const(borders)], shape, found.dtype, found.quant)
        else:
            filler = at.reshape(at.read(number), ())
            source = at.add("PADV2", [source, at.const(borders), filler], shape, found.dtype)
    at.write(result, at.reshape(source, sides), layout)


def _few_axes(added: Array, shape: Sequence[int]) -> tuple[Shape, Array]:
    """Sides and borders with neighbouring axes without borders merged, where the kernel takes no more."""
    if len(shape) <= _MAX_PADDED:
        return tuple(shape), added
    sides: list[int] = []
    borders: list[Array] = []
    for side, one in zip(shape, added, strict=True):
        if borders and not one.any() and not borders[-1].any():
            sides[-1] *= side
        else:
            sides.append(side)
            borders.append(one)
    if len(sides) > _MAX_PADDED:
        raise UnsupportedError(f"borders along so many axes: TFLite's PAD takes {_MAX_PADDED}")
    return tuple(sides), np.array(borders, np.int32)


def _cut(at: Lowering, source: int, around: Array) -> int:
    """Without what negative borders cut off; both in the stored order of axes."""
    off = np.maximum(-around, 0)
    if not off.any():
        return source
    found = at.graph.tensors[source]
    sides = [side - int(one.sum()) for side, one in zip(found.shape, off, strict=True)]
    inputs = [source, at.const(off[:, 0].astype(np.int32)), at.const(sides)]
    return at.add("SLICE", inputs, sides, found.dtype, found.quant)


def _mirrors(shape: Sequence[int], around: Array) -> bool:
    """Whether MIRROR_PAD can: no border is negative or as long as what it mirrors."""
    return bool((around >= 0).all() and (around < np.array(shape)[:, None]).all())


def _mirror(node: Node, at: Lowering, around: Array) -> None:
    name, result = node.inputs[0], node.outputs[0]
    layout = at.layout(name)
    source = at.stored(name, layout)
    found = at.graph.tensors[source]
    inputs = [source, at.const(around[list(layout)].astype(np.int32))]
    sides = stored_shape(at.shape(result), layout)
    mirrored = at.add("MIRROR_PAD", inputs, sides, found.dtype, found.quant, mode="REFLECT")
    at.write(result, mirrored, layout)


def _pad_by_places(node: Node, at: Lowering, mode: str, starts: dict[int, int]) -> None:
    """Gather along each axis of `starts` (borders before it) what lies at the places of the result."""
    name, result = node.inputs[0], node.outputs[0]
    layout = at.layout(name)
    before, after = at.shape(name), at.shape(result)
    source = movable(at, name, "GATHER", layout) if mode != "constant" else at.read(name, layout)
    for axis, start in starts.items():
        flat = compute(at, "MUL", start, np.array([-1]))
        places = compute(at, "ADD", flat, np.arange(after[axis]))
        inside = _places(at, mode, places, before[axis])
        picked = gathered(at, source, inside, stored_axis(axis, layout))
        if mode == "constant":
            count = (after[axis],)
            outside = at.add("NOT_EQUAL", [places, inside], count, "bool")
            picked = _filled(node, at, picked, outside, stored_axis(axis, layout))
        source = picked
    at.write(result, source, layout)


def _places(at: Lowering, mode: str, places: int, side: int) -> int:
    """Where the elements come from that lie at places in and around an axis."""
    if mode == "wrap":
        return compute(at, "FLOOR_MOD", places, np.array([side]))
    if mode == "reflect" and side > 1:
        there = compute(at, "FLOOR_MOD", places, np.array([2 * side - 2]))
        back = compute(at, "ADD", compute(at, "MUL", there, np.array([-1])), np.array([2 * side - 2]))
        return select(at, compute(at, "LESS", there, np.array([side])), there, back)
    return compute(at, "MINIMUM", compute(at, "MAXIMUM", places, np.array([0])), np.array([side - 1]))


def _filled(node: Node, at: Lowering, picked: int, outside: int, axis: int) -> int:
    """The number of the border where places along an axis are outside."""
    rank = len(at.graph.tensors[picked].shape)
    number = node.input(2)
    filler = at.read(number) if number else at.const(np.zeros(1, at.graph.tensors[picked].dtype))
    count = at.graph.tensors[outside].size
    is_outside = at.reshape(outside, (*(1,) * axis, count, *(1,) * (rank - axis - 1)))
    return select(at, is_outside, at.reshape(filler, (1,) * rank), picked)


def center_crop_pad(node: Node, at: Lowering) -> None:
    """CenterCropPad to a shape that is known; of an odd difference the larger half lies behind."""
    before, after = at.shape(node.inputs[0]), at.shape(node.outputs[0])
    refuse_empty(at, node.inputs[0], node.outputs[0])
    around = np.zeros((len(before), 2), np.int64)
    for axis, (old, new) in enumerate(zip(before, after, strict=True)):
        first = abs(new - old) // 2
        around[axis] = (first, new - old - first) if new > old else (-first, new - old + first)
    pad_with_number(node, at, around, "")


OPERATORS: Table = {"CenterCropPad": center_crop_pad, "Pad": pad}
