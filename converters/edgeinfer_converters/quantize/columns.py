"""Products as products of matrices: one column of inputs for each position of the output (im2col)."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import onnx

from edgeinfer.frames import Array
from edgeinfer_converters.graph.shapes import Shape
from edgeinfer_converters.graph.view import GraphView, attribute
from edgeinfer_converters.quantize.operators import PRODUCTS, weight_input
from edgeinfer_converters.quantize.windows import Windows, spread

POSITIONS = 64
"""Of each sample that are looked at: neighbours are alike, further samples are not."""

MAX_WIDTH = 1152
"""Wider Gram matrices are cut into blocks along the diagonal: their cost grows with the third power."""

CONVOLUTIONS = ("Conv", "ConvTranspose")

_PLANE = 4
"""Axes of the weights of a convolution over planes."""


@dataclass(frozen=True)
class Columns:
    """How the columns of a product follow from its input.

    `kernel`, `strides`, `pads` (begin and end of each axis), `dilations` and `spacing` are those of a
    convolution, see `Windows`; a matrix product has none of them. `groups` counts the groups of the
    convolution, `blocks` the parts of equal width into which the columns of a group are cut.
    """

    groups: int
    blocks: int
    width: int
    kernel: tuple[int, ...] = ()
    strides: tuple[int, ...] = ()
    pads: tuple[int, ...] = ()
    dilations: tuple[int, ...] = ()
    spacing: tuple[int, ...] = ()

    def take(self, values: Array, offset: int, most: int = POSITIONS) -> Array:
        """Up to `most` columns of one input, (rows, groups * blocks, width); `offset` moves the choice."""
        columns = self._windows.take(values, offset, most) if self.kernel else _rows(values, offset, most)
        return columns.reshape(len(columns), self.groups * self.blocks, self.width)

    def count(self, shape: Shape) -> int:
        """How many columns there are in an input of this shape."""
        return self._windows.count(shape) if self.kernel else math.prod(shape[:-1])

    def results(self, values: Array, offset: int, most: int = POSITIONS) -> Array:
        """Of the product's output what `take` takes of its input, (rows, groups, outputs of a group)."""
        by_position = np.moveaxis(values, 1, -1) if self.kernel else values
        rows = _rows(by_position, offset, most)
        return rows.reshape(len(rows), self.groups, -1)

    def arrange(self, weights: Array) -> Array:
        """Weights (outputs, columns of a group) as (groups * blocks, outputs of a group, width)."""
        parts = weights.reshape(self.groups, -1, self.blocks, self.width)
        return parts.transpose(0, 2, 1, 3).reshape(self.groups * self.blocks, -1, self.width)

    def restore(self, arranged: Array) -> Array:
        """The inverse of `arrange`."""
        parts = arranged.reshape(self.groups, self.blocks, -1, self.width).transpose(0, 2, 1, 3)
        return parts.reshape(-1, self.blocks * self.width)

    @cached_property
    def _windows(self) -> Windows:
        return Windows(self.kernel, self.strides, self.pads, self.dilations, self.spacing)


def columns_of(
    view: GraphView, max_width: int | None = None, *, every: bool = False
) -> Mapping[str, Columns]:
    """For each product with constant weights whose columns are known, by node name, how they are made.

    Columns wider than `max_width` numbers, MAX_WIDTH if it is None, are cut into blocks. Of convolutions
    those over planes; `every` one, transposed ones too, if that is asked for.
    """
    most = MAX_WIDTH if max_width is None else max_width
    found = {}
    for node in view.nodes:
        if node.op_type in PRODUCTS and weight_input(node, view) is not None:
            plane = node.op_type == "Conv" and len(view.shapes[node.input[1]]) == _PLANE
            convolution = node.op_type in CONVOLUTIONS
            if convolution and not plane and not every:
                continue
            columns = _convolved(node, view, most) if convolution else _multiplied(node, view, most)
            if columns is not None:
                found[node.name] = columns
    return found


def as_rows(node: onnx.NodeProto, weights: Array) -> Array:
    """Weights of a product as (outputs, columns), for all that `columns_of` finds."""
    if node.op_type == "ConvTranspose":
        return _turned(node, weights).reshape(weights.shape[1] * attribute(node, "group", 1), -1)
    if node.op_type == "Conv":
        return weights.reshape(len(weights), -1)
    return weights if node.op_type == "Gemm" and attribute(node, "transB", 0) else weights.T


def from_rows(node: onnx.NodeProto, rows: Array, shape: Shape) -> Array:
    """The inverse of `as_rows`."""
    if node.op_type == "ConvTranspose":
        group = attribute(node, "group", 1)
        return _turned(node, rows.reshape(group * shape[1], shape[0] // group, *shape[2:])).reshape(shape)
    if node.op_type == "Conv" or (node.op_type == "Gemm" and attribute(node, "transB", 0)):
        return rows.reshape(shape)
    return rows.T


def _turned(node: onnx.NodeProto, weights: Array) -> Array:
    """Weights of a transposed convolution as those of the ordinary one that does the same, and back: inputs
    and outputs change places within each group, and the kernel is turned round."""
    group = attribute(node, "group", 1)
    parts = weights.reshape(group, -1, *weights.shape[1:]).swapaxes(1, 2)
    turned = np.flip(parts, axis=tuple(range(3, parts.ndim)))
    return turned.reshape(-1, *turned.shape[2:])


def _multiplied(node: onnx.NodeProto, view: GraphView, most: int) -> Columns | None:
    shape = view.shapes[node.input[1]]
    if len(shape) != 2 or attribute(node, "transA", 0):
        return None
    depth = shape[1 if attribute(node, "transB", 0) else 0]
    blocks = _blocks(depth, 1, most)
    return None if blocks is None else Columns(1, blocks, depth // blocks)


def _convolved(node: onnx.NodeProto, view: GraphView, most: int) -> Columns | None:
    shape, group = view.shapes[node.input[1]], attribute(node, "group", 1)
    kernel, ones = shape[2:], (1,) * len(shape[2:])
    transposed = node.op_type == "ConvTranspose"
    channels = shape[0] // group if transposed else shape[1]
    blocks = _blocks(channels, math.prod(kernel), most)
    pads = _transposed_pads(node, kernel) if transposed else _pads(node, view)
    if blocks is None or pads is None:
        return None
    width = channels // blocks * math.prod(kernel)
    strides, dilations = _numbers(node, "strides", ones), _numbers(node, "dilations", ones)
    if transposed:
        return Columns(group, blocks, width, kernel, ones, pads, dilations, strides)
    return Columns(group, blocks, width, kernel, strides, pads, dilations)


def _blocks(channels: int, area: int, most: int) -> int | None:
    """The fewest blocks of whole channels that are narrow enough; None where there are none."""
    fitting = (n for n in range(1, channels + 1) if channels % n == 0 and channels // n * area <= most)
    return next(fitting, None)


def _transposed_pads(node: onnx.NodeProto, kernel: Shape) -> tuple[int, ...] | None:
    """What an ordinary convolution pads that does the same; None where the size of the result says it."""
    mode = next((one.s.decode() for one in node.attribute if one.name == "auto_pad"), "NOTSET")
    if mode not in ("NOTSET", "VALID") or any(one.name == "output_shape" for one in node.attribute):
        return None
    rank = len(kernel)
    pads = _numbers(node, "pads", (0,) * 2 * rank) if mode == "NOTSET" else (0,) * 2 * rank
    more = (*(0,) * rank, *_numbers(node, "output_padding", (0,) * rank))
    reach = [
        (size - 1) * gap for size, gap in zip(kernel, _numbers(node, "dilations", (1,) * rank), strict=True)
    ]
    return tuple(one - pad + end for one, pad, end in zip(reach * 2, pads, more, strict=True))


def _pads(node: onnx.NodeProto, view: GraphView) -> tuple[int, ...] | None:
    mode = next((one.s.decode() for one in node.attribute if one.name == "auto_pad"), "NOTSET")
    kernel = view.shapes[node.input[1]][2:]
    if mode == "VALID":
        return (0,) * 2 * len(kernel)
    if mode == "NOTSET":
        return _numbers(node, "pads", (0,) * 2 * len(kernel))
    if node.input[0] not in view.shapes or node.output[0] not in view.shapes:
        return None
    ones = (1,) * len(kernel)
    strides, dilations = _numbers(node, "strides", ones), _numbers(node, "dilations", ones)
    begin, end = [], []
    for axis in range(len(kernel)):
        size, out = view.shapes[node.input[0]][2 + axis], view.shapes[node.output[0]][2 + axis]
        total = max((out - 1) * strides[axis] + (kernel[axis] - 1) * dilations[axis] + 1 - size, 0)
        smaller = total // 2
        begin.append(smaller if mode == "SAME_UPPER" else total - smaller)
        end.append(total - begin[-1])
    return (*begin, *end)


def _numbers(node: onnx.NodeProto, name: str, default: tuple[int, ...]) -> tuple[int, ...]:
    return next((tuple(one.ints) for one in node.attribute if one.name == name), default)


def _rows(values: Array, offset: int, most: int) -> Array:
    rows = values.reshape(-1, values.shape[-1])
    return rows[spread(len(rows), offset, most)]
