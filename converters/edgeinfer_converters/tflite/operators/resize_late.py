"""Resize by factors that the model computes: sizes are known, but indices and matrices only when it runs.

All is computed in float32, in the order of onnxruntime's operations; numbers that lie on the brink of a
rounding there lie on it here. Only align_corners is that of ONNX's reference where lengths are not whole.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from edgeinfer.frames import Array
from edgeinfer_converters.tflite.faults import UnsupportedError
from edgeinfer_converters.tflite.layouts import stored_axis
from edgeinfer_converters.tflite.lowering import Lowering
from edgeinfer_converters.tflite.nodes import Node
from edgeinfer_converters.tflite.operators.activations import apply
from edgeinfer_converters.tflite.steps import (
    along,
    combine,
    compute,
    cut_axis,
    gathered,
    linear,
    polynomial,
    reduced,
    shape_of,
    with_number,
)


@dataclass(frozen=True)
class _Late:
    """One axis. `scale`, `start`, `end`: tensors (1, 1); the last two are those of the region."""

    before: int
    after: int
    scale: int
    start: int
    end: int


def is_settled(node: Node, at: Lowering) -> bool:
    """Whether all that decides on the coordinates is known beforehand."""
    crops = node.text("coordinate_transformation_mode", "half_pixel") == "tf_crop_and_resize"
    needed = [node.input(2), node.input(1) if crops else ""]
    if node.text("keep_aspect_ratio_policy", "stretch") != "stretch":
        needed.append(node.input(3))
    return all(at.constant(name) is not None for name in needed if name)


def resize_late(node: Node, at: Lowering) -> None:
    """Resize along all axes that it may be about."""
    name, result = node.inputs[0], node.outputs[0]
    if 0 in (*at.shape(name), *at.shape(result)):
        raise UnsupportedError("it resizes an empty tensor")
    axes, layout = _axes(node, at), at.layout(name)
    nearest = node.text("mode", "nearest") == "nearest"
    if at.facts.dtype(name).kind != "f" and not nearest:
        raise UnsupportedError("how interpolated integers are rounded differs between runtimes")
    tensor = at.read(name, layout)
    inside: int | None = None
    for key, axis in axes.items():
        place, where = stored_axis(key, layout), _coordinates(node, at, axis)
        if nearest:
            tensor = gathered(at, tensor, _indices(node, at, axis, where), place)
        else:
            tensor = along(at, tensor, place, _matrix(node, at, axis, where))
        if _transform(node) == "tf_crop_and_resize":
            shape = tuple(axis.after if one == place else 1 for one in range(len(layout)))
            mask = at.reshape(_inside(at, axis, where), shape)
            inside = mask if inside is None else combine(at, "MUL", inside, mask)
    if inside is not None:
        value = node.real("extrapolation_value", 0.0)
        around = with_number(at, "MUL", with_number(at, "SUB", inside, 1.0), -value)
        tensor = combine(at, "ADD", combine(at, "MUL", tensor, inside), around)
    at.write(result, tensor, layout)


def _transform(node: Node) -> str:
    return node.text("coordinate_transformation_mode", "half_pixel")


def _axes(node: Node, at: Lowering) -> dict[int, _Late]:
    before, after = at.shape(node.inputs[0]), at.shape(node.outputs[0])
    given = tuple(axis % len(before) for axis in node.integers("axes", tuple(range(len(before)))))
    scales = _scales(node, at, [before[axis] for axis in given])
    found = {}
    for number, axis in enumerate(given):
        start = end = scales
        if _transform(node) == "tf_crop_and_resize":
            region = at.read_as(node.input(1), "float32")
            start, end = _number(at, region, number), _number(at, region, number + len(given))
        found[axis] = _Late(before[axis], after[axis], _number(at, scales, number), start, end)
    return found


def _scales(node: Node, at: Lowering, before: list[int]) -> int:
    """The factors of all axes, a vector."""
    if node.input(2):
        return at.read(node.input(2))
    sizes = at.read_as(node.input(3), "float32")
    ratios = compute(at, "DIV", sizes, np.array(before))
    policy = node.text("keep_aspect_ratio_policy", "stretch")
    if policy == "stretch":
        return ratios
    code = "REDUCE_MIN" if policy == "not_larger" else "REDUCE_MAX"
    return compute(at, "MUL", reduced(at, code, ratios, (0,)), np.ones(len(before)))


def _number(at: Lowering, vector: int, place: int) -> int:
    return at.reshape(cut_axis(at, vector, 0, place, 1), (1, 1))


def _coordinates(node: Node, at: Lowering, axis: _Late) -> int:
    """Where each new place lies on the old axis: (after, 1)."""
    transform, last = _transform(node), axis.before - 1
    places = np.arange(axis.after, dtype=np.float32)[:, None]
    if transform == "asymmetric":
        return combine(at, "DIV", at.const(places), axis.scale)
    if transform in ("half_pixel", "half_pixel_symmetric", "pytorch_half_pixel"):
        if transform == "pytorch_half_pixel" and axis.after == 1:
            raise UnsupportedError("one place is resized differently if its factor says just one")
        half = with_number(
            at, "ADD", combine(at, "DIV", at.const(places + np.float32(0.5)), axis.scale), -0.5
        )
        return half if transform != "half_pixel_symmetric" else _centred(at, axis, half)
    if transform == "align_corners":
        if axis.after == 1:
            return at.const(places)
        length = with_number(at, "MUL", axis.scale, axis.before)
        return combine(at, "DIV", at.const(places * last), with_number(at, "SUB", length, 1.0))
    if transform == "tf_crop_and_resize" and axis.after > 1:
        first = with_number(at, "MUL", axis.start, last)
        length = with_number(at, "SUB", with_number(at, "MUL", axis.scale, axis.before), 1.0)
        wide = combine(at, "MUL", at.const(places), combine(at, "SUB", axis.end, axis.start))
        return combine(at, "ADD", combine(at, "DIV", with_number(at, "MUL", wide, last), length), first)
    if transform == "tf_crop_and_resize" and not node.input(2):
        return with_number(at, "MUL", combine(at, "ADD", axis.start, axis.end), last / 2)
    raise UnsupportedError(f"the coordinates `{transform}` must be known before the model runs")


def _centred(at: Lowering, axis: _Late, half: int) -> int:
    """With what the middle is off, where the factor does not give a whole length."""
    middle = at.const(np.full((1, 1), axis.after / 2, np.float32))
    off = with_number(at, "SUB", combine(at, "DIV", middle, axis.scale), axis.before / 2)
    return combine(at, "SUB", half, off)


def _inside(at: Lowering, axis: _Late, where: int) -> int:
    """1.0 where a place is on the old axis, else 0.0."""
    shape = shape_of(at, where)
    bounds = (("GREATER_EQUAL", 0.0), ("LESS_EQUAL", float(axis.before - 1)))
    low, high = (with_number(at, code, where, bound) for code, bound in bounds)
    return at.cast(at.add("LOGICAL_AND", [low, high], shape, "bool"), "float32")


def _indices(node: Node, at: Lowering, axis: _Late, where: int) -> int:
    rounding = node.text("nearest_mode", "round_prefer_floor")
    if rounding == "round_prefer_floor":
        where = with_number(at, "SUB", where, 0.5)
    elif rounding == "round_prefer_ceil":
        where = with_number(at, "ADD", where, 0.5)
    code = "FLOOR" if rounding in ("floor", "round_prefer_ceil") else "CEIL"
    rounded = with_number(at, "MAXIMUM", apply(at, code, where), 0.0)
    rounded = with_number(at, "MINIMUM", rounded, axis.before - 1)
    return at.cast(at.reshape(rounded, (axis.after,)), "int32")


def _matrix(node: Node, at: Lowering, axis: _Late, where: int) -> int:
    """Weights of a kernel around each coordinate (after, before); what lies off the axis counts for its
    border, or not at all."""
    antialias, exclude = bool(node.integer("antialias", 0)), bool(node.integer("exclude_outside", 0))
    linearly = node.text("mode", "nearest") == "linear"
    reach = 1 if linearly else 2
    widest = max(axis.before / axis.after, 1.0) if antialias else 1.0
    steps = int(np.ceil(reach * widest)) + 1
    numbers = np.arange(axis.before) if exclude else np.arange(-steps, axis.before + steps)
    gaps = combine(at, "SUB", at.const(numbers[None].astype(np.float32)), where)
    if antialias:
        gaps = combine(at, "MUL", gaps, with_number(at, "MINIMUM", axis.scale, 1.0))
    sizes = apply(at, "ABS", gaps)
    weights = _hat(at, sizes) if linearly else _keys(at, sizes, node.real("cubic_coeff_a", -0.75))
    if antialias or exclude:
        weights = combine(at, "DIV", weights, reduced(at, "SUM", weights, (1,)))
    folded: Array = np.arange(axis.before)[:, None] == numbers.clip(0, axis.before - 1)
    return weights if exclude else linear(at, weights, at.const(folded.astype(np.float32)))


def _hat(at: Lowering, sizes: int) -> int:
    return with_number(at, "MAXIMUM", with_number(at, "ADD", apply(at, "NEG", sizes), 1.0), 0.0)


def _keys(at: Lowering, sizes: int, factor: float) -> int:
    """The cubic kernel: both its pieces are zero at their ends, so they can be added."""
    near = with_number(at, "MINIMUM", sizes, 1.0)
    far = with_number(at, "MINIMUM", with_number(at, "MAXIMUM", sizes, 1.0), 2.0)
    inner = polynomial(at, near, (factor + 2, -(factor + 3), 0.0, 1.0))
    outer = polynomial(at, far, (factor, -5 * factor, 8 * factor, -4 * factor))
    return combine(at, "ADD", inner, outer)
