"""Col2Im: the blocks of an image, laid out as columns, added up where they overlap."""

from __future__ import annotations

from math import prod

import numpy as np

from edgeinfer_converters.tflite.faults import UnsupportedError
from edgeinfer_converters.tflite.lowering import Lowering, Table
from edgeinfer_converters.tflite.nodes import Node
from edgeinfer_converters.tflite.operators.conv_transpose import with_gaps
from edgeinfer_converters.tflite.steps import combine, cut, cut_axis, padded, shape_of

_MAX_PLACES = 64
"""A block of more places would make a file of too many operators."""


def col2im(node: Node, at: Lowering) -> None:
    """Col2Im: for each place in the block, what lies there in all blocks is spread over the image."""
    block = [int(side) for side in at.need_constant(node, 2, "block's sides").reshape(-1)]
    batch, channels, *image = at.shape(node.outputs[0])
    ones = (1,) * len(block)
    strides, dilations = node.integers("strides", ones), node.integers("dilations", ones)
    pads = node.integers("pads", (0,) * (2 * len(block)))
    if prod(block) > _MAX_PLACES or len(block) > 3:
        raise UnsupportedError(f"a block of {prod(block)} places is too large")
    whole = [side + pads[axis] + pads[axis + len(block)] for axis, side in enumerate(image)]
    counts = [
        (side - (size - 1) * step - 1) // stride + 1
        for side, size, step, stride in zip(whole, block, dilations, strides, strict=True)
    ]
    columns = at.reshape(at.read(node.inputs[0]), (batch * channels, prod(block), prod(counts)))
    total: int | None = None
    for number, place in enumerate(np.ndindex(*block)):
        part = at.reshape(cut_axis(at, columns, 1, number, 1), (batch * channels, *counts))
        for axis, stride in enumerate(strides, 1):
            start = place[axis - 1] * dilations[axis - 1]
            part = _placed(at, with_gaps(at, part, axis, stride), axis, start, whole[axis - 1])
        total = part if total is None else combine(at, "ADD", total, part)
    if total is None:
        raise UnsupportedError("its block is empty")
    inner = cut(at, total, (0, *pads[: len(block)]), (batch * channels, *image))
    at.write(node.outputs[0], at.reshape(inner, (batch, channels, *image)))


def _placed(at: Lowering, tensor: int, axis: int, start: int, side: int) -> int:
    """A tensor that begins at a place of a longer axis, with zeros around; what reaches beyond is cut off,
    which are zeros as well."""
    length = min(shape_of(at, tensor)[axis], side - start)
    kept = cut_axis(at, tensor, axis, 0, length)
    around = [(0, 0)] * len(shape_of(at, tensor))
    around[axis] = start, side - start - length
    return padded(at, kept, around)


OPERATORS: Table = {"Col2Im": col2im}
