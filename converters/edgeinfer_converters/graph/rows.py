"""Pointwise convolutions as matrix products: the pixels of a picture as rows.

A matrix product may have integer operands and a float result, which no convolution of the runtimes may.
The transpositions around it cost nothing in practice: integer convolutions want channels last anyway.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import onnx
from onnx import helper, numpy_helper

from edgeinfer_converters.graph.shapes import infer_shapes
from edgeinfer_converters.graph.view import GraphView, attribute
from edgeinfer_converters.graph.walk import is_standard

_ONES = (1, 1)


@dataclass(frozen=True)
class Rows:
    """A graph of the same function. By product: the nodes that bring its input into rows (`into`) and its
    result back (`back`), and `tensors`: for each tensor in rows the one of the original graph."""

    model: onnx.ModelProto
    into: dict[str, frozenset[str]]
    back: dict[str, frozenset[str]]
    tensors: dict[str, str]


def is_pointwise(node: onnx.NodeProto, view: GraphView) -> bool:
    """Whether a convolution is a matrix product at each pixel, of known sizes and with weights of its own."""
    if node.op_type != "Conv" or not is_standard(node) or attribute(node, "group", 1) != 1:
        return False
    weights = view.shapes.get(node.input[1], ())
    shapes = [view.shapes.get(name, ()) for name in (node.input[0], node.output[0])]
    whole = all(len(shape) == 4 and min(shape) > 0 for shape in (weights, *shapes))
    own = node.input[1] in view.initializers and len(view.readers[node.input[1]]) == 1
    return whole and own and weights[2:] == _ONES and shapes[0][2:] == shapes[1][2:]


def as_rows(model: onnx.ModelProto, names: frozenset[str]) -> Rows:
    """Write the pointwise convolutions `names`, which have biases, as Gemms of the same names.

    A Relu or Clip that alone reads the result comes before the way back.
    """
    view = GraphView(model)
    rewriter = _Rewriter(view)
    changed = onnx.ModelProto()
    changed.CopyFrom(model)
    rows = Rows(changed, {}, {}, {})
    clamps = {node.name: clamp for node in view.nodes if node.name in names if (clamp := _clamp(node, view))}
    moved = {clamp.name for clamp in clamps.values()}
    nodes: list[onnx.NodeProto] = []
    for node in view.nodes:
        if node.name in names:
            nodes.extend(rewriter.rewrite(node, clamps.get(node.name), rows))
        elif node.name not in moved:
            nodes.append(node)
    copies = [onnx.NodeProto.FromString(node.SerializeToString()) for node in nodes]
    for field in ("node", "value_info"):
        changed.graph.ClearField(field)
    changed.graph.node.extend(copies)
    rewriter.change_constants(changed.graph)
    return Rows(infer_shapes(changed), rows.into, rows.back, rows.tensors)


def _clamp(node: onnx.NodeProto, view: GraphView) -> onnx.NodeProto | None:
    readers = view.readers.get(node.output[0], ())
    if view.is_private(node.output[0]) and readers[0].op_type in ("Relu", "Clip"):
        return readers[0]
    return None


class _Rewriter:
    def __init__(self, view: GraphView) -> None:
        self._view = view
        self._taken = {name for node in view.nodes for name in (node.name, *node.input, *node.output)}
        self._constants: dict[str, onnx.TensorProto] = {}

    def rewrite(
        self, node: onnx.NodeProto, clamp: onnx.NodeProto | None, rows: Rows
    ) -> Iterator[onnx.NodeProto]:
        """The nodes that stand for one convolution and the clamp behind it."""
        batch, channels, height, width = self._view.shapes[node.input[0]]
        outputs = self._view.shapes[node.output[0]][1]
        self._reshape_weights(node.input[1], (outputs, channels))
        last, turned, source, result, clamped, pixels = self._names(node)
        yield helper.make_node("Transpose", [node.input[0]], [last], last, perm=[0, 2, 3, 1])
        yield self._reshape(last, source, (batch * height * width, channels))
        yield helper.make_node("Gemm", [source, *node.input[1:]], [result], node.name, transB=1)
        final = node.output[0]
        rows.tensors.update({source: node.input[0], result: node.output[0]})
        if clamp is not None:
            moved = onnx.NodeProto()
            moved.CopyFrom(clamp)
            moved.input[0], moved.output[0] = result, clamped
            yield moved
            result, final = clamped, clamp.output[0]
            rows.tensors[clamped] = final
        yield self._reshape(result, pixels, (batch, height, width, outputs))
        yield helper.make_node("Transpose", [pixels], [final], turned, perm=[0, 3, 1, 2])
        rows.into[node.name] = frozenset({last, source})
        rows.back[node.name] = frozenset({pixels, turned})

    def change_constants(self, graph: onnx.GraphProto) -> None:
        """Put in the weights in their new shape and the shapes of the rows."""
        for tensor in graph.initializer:
            if tensor.name in self._constants:
                tensor.CopyFrom(self._constants.pop(tensor.name))
        graph.initializer.extend(self._constants.values())

    def _reshape_weights(self, name: str, shape: tuple[int, int]) -> None:
        self._constants[name] = numpy_helper.from_array(self._view.constant(name).reshape(shape), name)

    def _reshape(self, source: str, target: str, shape: tuple[int, ...]) -> onnx.NodeProto:
        name = self._free(f"{target}_shape")
        self._constants[name] = numpy_helper.from_array(np.array(shape, np.int64), name)
        return helper.make_node("Reshape", [source, name], [target], target)

    def _names(self, node: onnx.NodeProto) -> list[str]:
        parts = ("channels_last", "back", "rows", "result", "clamped", "pixels")
        return [self._free(f"{node.name}_{part}") for part in parts]

    def _free(self, wish: str) -> str:
        name, number = wish, 2
        while name in self._taken:
            name, number = f"{wish}_{number}", number + 1
        self._taken.add(name)
        return name
