"""GridSample and AffineGrid: values of an image at places that the model computes, by GATHER."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product
from math import prod

import numpy as np

from edgeinfer_converters.tflite.faults import UnsupportedError
from edgeinfer_converters.tflite.layouts import channels_last
from edgeinfer_converters.tflite.lowering import Lowering, Table
from edgeinfer_converters.tflite.nodes import Node
from edgeinfer_converters.tflite.operators.activations import apply
from edgeinfer_converters.tflite.steps import (
    combine,
    cut_axis,
    gathered,
    multiplied,
    polynomial,
    select,
    shape_of,
    with_number,
)

_CUBIC = -0.75
"""The free number of the cubic kernel, as ONNX has it."""


@dataclass(frozen=True)
class Tap:
    """One neighbour along one axis: its index, int32 (places, 1), and its weight, float32; None is 1."""

    index: int
    weight: int | None


def grid_sample(node: Node, at: Lowering) -> None:
    """GridSample: nearest, linear, and cubic over two axes."""
    name, result = node.inputs[0], node.outputs[0]
    if at.facts.dtype(name).kind != "f" or 0 in at.shape(result):
        raise UnsupportedError("only images of floats, and not empty ones, are sampled")
    rank = at.rank(name)
    batch, _, *sides = at.shape(name)
    mode, border = node.text("mode", "linear"), node.text("padding_mode", "zeros")
    mode = {"bilinear": "linear", "bicubic": "cubic"}.get(mode, mode)
    if mode == "cubic" and len(sides) != 2:
        raise UnsupportedError("cubic sampling is over two axes")
    grid = at.read(node.inputs[1])
    count = prod(shape_of(at, grid)[:-1])
    flat = at.reshape(grid, (count, len(sides)))
    aligned = bool(node.integer("align_corners", 0))
    taps = []
    for axis, side in enumerate(sides):
        where = _denormalized(at, cut_axis(at, flat, 1, len(sides) - 1 - axis, 1), side, aligned=aligned)
        taps.append(taps_of(at, where, side, mode, border, aligned=aligned))
    pixels = at.read(name, channels_last(rank))
    rows = at.reshape(pixels, (batch * prod(sides), at.shape(name)[1]))
    starts = np.repeat(np.arange(batch) * prod(sides), count // batch)[:, None]
    sampled = weighted_sum(at, rows, at.const(starts.astype(np.int32)), sides, taps)
    shape = (*shape_of(at, grid)[:-1], at.shape(name)[1])
    at.write(result, at.reshape(sampled, shape), channels_last(rank))


def weighted_sum(
    at: Lowering, rows: int, starts: int, sides: Sequence[int], taps: Sequence[list[Tap]], code: str = "ADD"
) -> int:
    """The sum over all neighbours of what lies there: (places, channels); or their greatest.

    `rows`: pixels (images * size, channels). `starts`: where each place's image begins, int32. The tensors
    of `taps` and `starts` broadcast to the shape of the places.
    """
    total: int | None = None
    for chosen in product(*taps):
        index = chosen[0].index
        weight = chosen[0].weight
        for tap, side in zip(chosen[1:], sides[1:], strict=True):
            index = combine(at, "ADD", with_number(at, "MUL", index, side), tap.index)
            weight = times(at, weight, tap.weight)
        index = combine(at, "ADD", index, starts)
        count = prod(shape_of(at, index))
        found = gathered(at, rows, at.reshape(index, (count,)), 0)
        if weight is not None:
            found = combine(at, "MUL", found, at.reshape(weight, (count, 1)))
        total = found if total is None else combine(at, code, total, found)
    if total is None:
        raise UnsupportedError("it has no axes to sample along")
    return total


def times(at: Lowering, one: int | None, other: int | None) -> int | None:
    """The product of two weights; None is 1."""
    if one is None or other is None:
        return other if one is None else one
    return combine(at, "MUL", one, other)


def _denormalized(at: Lowering, where: int, side: int, *, aligned: bool) -> int:
    """From -1 ... 1 to indices."""
    shifted = with_number(at, "ADD", where, 1.0)
    if aligned:
        return with_number(at, "MUL", with_number(at, "MUL", shifted, 0.5), side - 1)
    return with_number(at, "MUL", with_number(at, "ADD", with_number(at, "MUL", shifted, side), -1.0), 0.5)


def taps_of(at: Lowering, where: int, side: int, mode: str, border: str, *, aligned: bool) -> list[Tap]:
    """The neighbours of coordinates (places, 1) along one axis."""
    if mode == "nearest":
        where = apply(at, "ROUND", where)
    if border == "border":
        where = _to_border(at, where, side, aligned=aligned)
    elif border == "reflection":
        where = _reflected(at, where, side, aligned=aligned)
    elif border != "zeros":
        raise UnsupportedError(f"the border `{border}` is not known")
    if mode == "nearest":
        return [_tap(at, where, None, side, border, aligned=aligned)]
    first = apply(at, "FLOOR", where)
    share = combine(at, "SUB", where, first)
    if mode == "linear":
        weights = {0: _one_minus(at, share), 1: share}
    elif mode == "cubic":
        weights = _cubic_weights(at, share)
    else:
        raise UnsupportedError(f"the interpolation `{mode}` is not known")
    return [
        _tap(
            at, with_number(at, "ADD", first, step) if step else first, weight, side, border, aligned=aligned
        )
        for step, weight in weights.items()
    ]


def _tap(at: Lowering, where: int, weight: int | None, side: int, border: str, *, aligned: bool) -> Tap:
    """A neighbour with a whole coordinate, which may lie off the axis."""
    if border == "zeros":
        weight = times(at, weight, inside(at, where, 0.0, side - 1.0))
    elif border == "reflection":
        where = _reflected(at, where, side, aligned=aligned)
    return Tap(at.cast(_clamped(at, where, side), "int32"), weight)


def inside(at: Lowering, where: int, low: float, high: float) -> int:
    """1.0 where a coordinate is within bounds, else 0.0."""
    return at.cast(_is_inside(at, where, low, high), "float32")


def _is_inside(at: Lowering, where: int, low: float, high: float) -> int:
    shape = shape_of(at, where)
    bounds = (("GREATER_EQUAL", low), ("LESS_EQUAL", high))
    above, below = (with_number(at, code, where, bound) for code, bound in bounds)
    return at.add("LOGICAL_AND", [above, below], shape, "bool")


def _to_border(at: Lowering, where: int, side: int, *, aligned: bool) -> int:
    """What is farther off than the border's outer edge comes to its middle, as ONNX has it."""
    edge = 0.0 if aligned else 0.5
    near = _is_inside(at, where, -edge, side - 1 + edge)
    return select(at, near, where, _clamped(at, where, side))


def _clamped(at: Lowering, where: int, side: int) -> int:
    return with_number(at, "MINIMUM", with_number(at, "MAXIMUM", where, 0.0), side - 1)


def _reflected(at: Lowering, where: int, side: int, *, aligned: bool) -> int:
    """Mirrored at the middle of the border pixels (`aligned`), or at their outer edges."""
    low, length = (0.0, side - 1.0) if aligned else (-0.5, float(side))
    if length == 0:
        return with_number(at, "MUL", where, 0.0)
    shifted = with_number(at, "ADD", where, -low) if low else where
    folded = with_number(at, "FLOOR_MOD", shifted, 2 * length)
    off = apply(at, "ABS", with_number(at, "SUB", folded, length))
    return with_number(at, "ADD", apply(at, "NEG", off), length + low)


def _one_minus(at: Lowering, tensor: int) -> int:
    return with_number(at, "ADD", apply(at, "NEG", tensor), 1.0)


def _cubic_weights(at: Lowering, share: int) -> dict[int, int]:
    """Of the neighbours from -1 to 2."""
    a, rest = _CUBIC, _one_minus(at, share)
    outer, inner = (a, -5 * a, 8 * a, -4 * a), (a + 2, -(a + 3), 0.0, 1.0)
    return {
        -1: polynomial(at, with_number(at, "ADD", share, 1.0), outer),
        0: polynomial(at, share, inner),
        1: polynomial(at, rest, inner),
        2: polynomial(at, with_number(at, "ADD", rest, 1.0), outer),
    }


def affine_grid(node: Node, at: Lowering) -> None:
    """AffineGrid: each place of the result, as (x, y[, z], 1), times the matrix."""
    theta, result = node.inputs[0], node.outputs[0]
    batch, *sides, count = at.shape(result)
    if any(side == 1 for side in sides) and node.integer("align_corners", 0):
        raise UnsupportedError("the corners of one place cannot be aligned")
    lines = [_line(side, aligned=bool(node.integer("align_corners", 0))) for side in sides]
    places = np.stack([*np.meshgrid(*lines, indexing="ij")][::-1], -1).reshape(1, -1, count)
    whole = np.concatenate([places, np.ones_like(places[..., :1])], -1).astype(np.float32)
    written = multiplied(at, at.const(whole), at.read(theta, (0, 2, 1)))
    at.write(result, at.reshape(written, (batch, *sides, count)))


def _line(side: int, *, aligned: bool) -> np.ndarray:
    if aligned:
        return np.linspace(-1.0, 1.0, side)
    return np.asarray((2 * np.arange(side) + 1) / side - 1)


OPERATORS: Table = {"AffineGrid": affine_grid, "GridSample": grid_sample}
