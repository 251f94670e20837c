"""Depthwise convolutions with more taps than XNNPACK has kernels for, as sums of smaller ones.

A float 7x7 over 64 channels of 32 x 32 takes 25 times as long as a 5x5 there: XNNPACK falls back to matrix
products, channel by channel. Three of 3x7 and 2x7 take hardly longer than one 5x5.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import onnx
from onnx import helper, numpy_helper

from edgeinfer_converters.graph.naming import free_name, names_of
from edgeinfer_converters.graph.rewriting import with_nodes
from edgeinfer_converters.graph.shapes import infer_shapes
from edgeinfer_converters.graph.view import GraphView
from edgeinfer_converters.graph.walk import is_standard
from edgeinfer_converters.quantize.operators import MOST_TAPS, is_depthwise


def with_few_taps(model: onnx.ModelProto) -> onnx.ModelProto:
    """The model with the same function, and its float depthwise convolutions of more than MOST_TAPS taps cut
    along an axis where that is enough. Changes the model."""
    sides = {tensor.name: tensor.dims for tensor in model.graph.initializer}
    if not any(_could_be_cut(node, sides) for node in model.graph.node):
        return model  # shapes are for the few models that need them
    view = GraphView(infer_shapes(model))
    cutter = _Cutter(view)
    nodes = [made for node in view.nodes for made in cutter.cut(node)]
    if len(nodes) == len(view.nodes):
        return model
    model.graph.initializer.extend(cutter.initializers)
    return with_nodes(model, nodes)


def _could_be_cut(node: onnx.NodeProto, sides: Mapping[str, Sequence[int]]) -> bool:
    kernel = sides.get(node.input[1], ())[2:] if node.op_type == "Conv" else ()
    return math.prod(kernel) > MOST_TAPS


@dataclass(frozen=True)
class _Cut:
    """Rows `first` to `end` of a kernel, what is left of its pads, and the rows of the input it reads."""

    first: int
    end: int
    pads: tuple[int, int]
    start: int
    stop: int


class _Cutter:
    def __init__(self, view: GraphView) -> None:
        self._view = view
        self._taken = names_of(view.model)
        self.initializers: list[onnx.TensorProto] = []

    def cut(self, node: onnx.NodeProto) -> list[onnx.NodeProto]:
        """The nodes in the place of one."""
        axis = self._axis(node)
        if axis is None:
            return [node]
        parts: list[str] = []
        made: list[onnx.NodeProto] = []
        for cut in self._cuts(node, axis):
            parts.append(self._free(f"{node.output[0]}_taps"))
            made += self._part(node, axis, cut, parts[-1], bias=len(parts) == 1)
        if len(parts) < 2:
            return [node]
        total = parts[0]
        for other in parts[1:]:
            name = node.output[0] if other is parts[-1] else self._free(f"{node.output[0]}_sum")
            made.append(helper.make_node("Add", [total, other], [name], name))
            total = name
        return made

    def _axis(self, node: onnx.NodeProto) -> int | None:
        """The axis of the kernel that is cut; None for what stays."""
        if not is_standard(node) or not is_depthwise(node, self._view) or self._padding(node) is None:
            return None
        kernel = self._view.shapes[node.input[1]][2:]
        if math.prod(kernel) <= MOST_TAPS or min(self._view.shapes.get(node.input[0], (0,))) < 1:
            return None
        fitting = (axis for axis, side in enumerate(kernel) if side > 1 and _rows(kernel, axis))
        return next(fitting, None)

    def _padding(self, node: onnx.NodeProto) -> list[int] | None:
        rank = len(self._view.shapes[node.input[1]]) - 2
        mode = next((one.s for one in node.attribute if one.name == "auto_pad"), b"NOTSET")
        pads = next((list(one.ints) for one in node.attribute if one.name == "pads"), [0] * 2 * rank)
        return pads if mode in (b"NOTSET", b"") else [0] * 2 * rank if mode == b"VALID" else None

    def _cuts(self, node: onnx.NodeProto, axis: int) -> Iterator[_Cut]:
        kernel = self._view.shapes[node.input[1]][2:]
        pads, rank = self._padding(node) or [], len(kernel)
        gap = (next((list(one.ints) for one in node.attribute if one.name == "dilations"), [1] * rank))[axis]
        side = self._view.shapes[node.input[0]][2 + axis]
        count = -(-kernel[axis] // _rows(kernel, axis))
        bounds = [kernel[axis] * place // count for place in range(count + 1)]
        for first, end in itertools.pairwise(bounds):
            before = pads[axis] - first * gap
            behind = pads[rank + axis] - (kernel[axis] - end) * gap
            start, stop = max(-before, 0), side - max(-behind, 0)
            if start < stop:  # else it reads nothing but padding
                yield _Cut(first, end, (max(before, 0), max(behind, 0)), start, stop)

    def _part(
        self, node: onnx.NodeProto, axis: int, cut: _Cut, target: str, *, bias: bool
    ) -> list[onnx.NodeProto]:
        made = []
        source, rank = node.input[0], len(self._view.shapes[node.input[1]]) - 2
        if cut.start or cut.stop < self._view.shapes[source][2 + axis]:
            bounds = [
                self._store(np.array([one], np.int64), target) for one in (cut.start, cut.stop, 2 + axis)
            ]
            name = self._free(f"{target}_rows")
            made.append(helper.make_node("Slice", [source, *bounds], [name], name))
            source = name
        weights = self._view.constant(node.input[1])
        rows = np.ascontiguousarray(np.take(weights, range(cut.first, cut.end), axis=2 + axis))
        inputs = [source, self._store(rows, target), *(node.input[2:3] if bias else [])]
        pads = self._padding(node) or []
        pads[axis], pads[rank + axis] = cut.pads
        conv = helper.make_node("Conv", inputs, [target], target, pads=pads)
        conv.attribute.extend(
            one for one in node.attribute if one.name not in ("auto_pad", "kernel_shape", "pads")
        )
        return [*made, conv]

    def _store(self, values: np.ndarray, wish: str) -> str:
        name = self._free(f"{wish}_constant")
        self.initializers.append(numpy_helper.from_array(values, name))
        return name

    def _free(self, wish: str) -> str:
        name = free_name(wish, self._taken)
        self._taken.add(name)
        return name


def _rows(kernel: tuple[int, ...], axis: int) -> int:
    """How many rows along an axis have MOST_TAPS taps at most."""
    return MOST_TAPS * kernel[axis] // math.prod(kernel)
