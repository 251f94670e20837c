"""RoiAlign and DeformConv: images sampled around places that the model computes, then pooled or weighted."""

from __future__ import annotations

from math import prod

import numpy as np

from edgeinfer_converters.tflite.faults import UnsupportedError
from edgeinfer_converters.tflite.layouts import channels_last
from edgeinfer_converters.tflite.lowering import Lowering, Table
from edgeinfer_converters.tflite.nodes import Node
from edgeinfer_converters.tflite.operators.activations import apply
from edgeinfer_converters.tflite.operators.sampling import Tap, inside, taps_of, weighted_sum
from edgeinfer_converters.tflite.steps import (
    combine,
    compute,
    cut_axis,
    joined,
    linear,
    reduced,
    shape_of,
    with_number,
)
from edgeinfer_converters.tflite.windows import Window, window_of


def roi_align(node: Node, at: Lowering) -> None:
    """RoiAlign with a fixed number of samples in each bin."""
    name, result = node.inputs[0], node.outputs[0]
    samples = node.integer("sampling_ratio", 0)
    if samples < 1:
        raise UnsupportedError("how many samples it takes depends on the regions")
    count, channels, *bins = at.shape(result)
    batch, _, *sides = at.shape(name)
    rows = at.reshape(at.read(name, channels_last(4)), (batch * prod(sides), channels))
    starts = with_number(at, "MUL", at.read_as(node.inputs[2], "int32"), prod(sides))
    taps = [_bin_taps(node, at, axis, sides[axis], bins[axis], samples) for axis in (0, 1)]
    code = "MAXIMUM" if node.text("mode", "avg").lower() == "max" else "ADD"
    sampled = weighted_sum(at, rows, at.reshape(starts, (count, 1, 1)), sides, taps, code)
    pooled = at.reshape(sampled, (count * bins[0], samples, bins[1] * samples * channels))
    over = "REDUCE_MAX" if code == "MAXIMUM" else "MEAN"
    pooled = reduced(at, over, pooled, (1,))
    pooled = reduced(at, over, at.reshape(pooled, (count * prod(bins), samples, channels)), (1,))
    at.write(result, at.reshape(pooled, (count, *bins, channels)), channels_last(4))


def _bin_taps(node: Node, at: Lowering, axis: int, side: int, bins: int, samples: int) -> list[Tap]:
    """The neighbours along one axis of all samples: (regions, samples, 1), or (regions, 1, samples)."""
    first, last = _bounds(node, at, axis)
    size = combine(at, "SUB", last, first)
    if not _is_half_pixel(node):
        size = with_number(at, "MAXIMUM", size, 1.0)
    steps = (np.arange(bins * samples) + 0.5) / samples / bins
    where = combine(at, "ADD", compute(at, "MUL", size, steps[None]), first)
    valid = inside(at, where, -1.0, float(side))
    where = with_number(at, "MINIMUM", with_number(at, "MAXIMUM", where, 0.0), side - 1)
    low = apply(at, "FLOOR", where)
    high = with_number(at, "MINIMUM", with_number(at, "ADD", low, 1.0), side - 1)
    share = combine(at, "SUB", where, low)
    rest = with_number(at, "ADD", apply(at, "NEG", share), 1.0)
    count = shape_of(at, where)[0]
    shape = (count, bins * samples, 1) if axis == 0 else (count, 1, bins * samples)
    return [
        Tap(
            at.reshape(at.cast(place, "int32"), shape),
            at.reshape(combine(at, "MUL", weight, valid), shape),
        )
        for place, weight in ((low, rest), (high, share))
    ]


def _bounds(node: Node, at: Lowering, axis: int) -> list[int]:
    """Where regions begin and end along one axis, (regions, 1); regions are (x, y, x, y)."""
    regions = with_number(at, "MUL", at.read(node.inputs[1]), node.real("spatial_scale", 1.0))
    if _is_half_pixel(node):
        regions = with_number(at, "ADD", regions, -0.5)
    return [cut_axis(at, regions, 1, place, 1) for place in (1 - axis, 3 - axis)]


def _is_half_pixel(node: Node) -> bool:
    usual = "half_pixel" if node.opset >= 16 else "output_half_pixel"
    return node.text("coordinate_transformation_mode", usual) == "half_pixel"


def deform_conv(node: Node, at: Lowering) -> None:
    """DeformConv over two axes: all values of all windows are sampled, then one matrix product."""
    name, filters, offsets = node.inputs[:3]
    if at.rank(name) != 4:
        raise UnsupportedError("only convolutions over two axes are deformed")
    outputs, inner, *kernel = at.shape(filters)
    batch, channels, *sides = at.shape(name)
    places, taken = at.shape(offsets)[2:], prod(kernel)
    window = window_of(node, sides, tuple(kernel))
    count = batch * prod(places)
    shifts = at.reshape(at.read(offsets, channels_last(4)), (count, at.shape(offsets)[1]))
    groups = node.integer("offset_group", 1)
    pixels = at.reshape(at.read(name, channels_last(4)), (batch * prod(sides), channels))
    parts = []
    for group in range(groups):
        rows = cut_axis(at, pixels, 1, group * (channels // groups), channels // groups)
        part = cut_axis(at, shifts, 1, group * taken * 2, taken * 2)
        sampled = _sampled(at, rows, part, window, places, batch, sides)
        if node.input(4):
            masks = at.read(node.input(4), channels_last(4))
            weights = cut_axis(at, at.reshape(masks, (count, groups * taken)), 1, group * taken, taken)
            sampled = combine(at, "MUL", sampled, at.reshape(weights, (count * taken, 1)))
        parts.append(at.reshape(sampled, (count, taken, channels // groups)))
    values = joined(at, parts, 2)
    written = []
    for group in range(channels // inner):
        rows = at.reshape(cut_axis(at, values, 2, group * inner, inner), (count, taken * inner))
        wide = outputs // (channels // inner)
        weights = cut_axis(at, at.read(filters, (0, 2, 3, 1)), 0, group * wide, wide)
        written.append(linear(at, rows, at.reshape(weights, (wide, taken * inner))))
    total = joined(at, written, 1)
    if node.input(3):
        total = combine(at, "ADD", total, at.reshape(at.read(node.input(3)), (1, outputs)))
    at.write(node.outputs[0], at.reshape(total, (batch, *places, outputs)), channels_last(4))


def _sampled(
    at: Lowering,
    rows: int,
    shifts: int,
    window: Window,
    places: tuple[int, ...],
    batch: int,
    sides: list[int],
) -> int:
    """The values of one group's channels: (images * places * kernel, channels)."""
    taken, count = prod(window.kernel), batch * prod(places)
    pairs = at.reshape(shifts, (count * taken, 2))
    taps = []
    for axis in (0, 1):
        regular = _regular(window, axis, places).reshape(1, -1)
        base = np.repeat(regular, batch, 0).reshape(-1, 1)
        where = compute(at, "ADD", cut_axis(at, pairs, 1, axis, 1), base)
        taps.append(taps_of(at, where, sides[axis], "linear", "zeros", aligned=True))
    starts = np.repeat(np.arange(batch) * prod(sides), prod(places) * taken)[:, None]
    return weighted_sum(at, rows, at.const(starts.astype(np.int32)), sides, taps)


def _regular(window: Window, axis: int, places: tuple[int, ...]) -> np.ndarray:
    """Coordinates along one axis without shifts, by place and place in the kernel: (H, W, kh, kw)."""
    starts = np.arange(places[axis]) * window.strides[axis] - window.pads[axis][0]
    steps = np.arange(window.kernel[axis]) * window.dilations[axis]
    along = starts[:, None] + steps
    shape = (len(starts), 1, len(steps), 1) if axis == 0 else (1, len(starts), 1, len(steps))
    return np.broadcast_to(along.reshape(shape), (*places, *window.kernel))


OPERATORS: Table = {"DeformConv": deform_conv, "RoiAlign": roi_align}
