"""Operators that repeat what a tensor holds."""

from __future__ import annotations

from edgeinfer_converters.tflite.broadcast import common_layout, expand, read_operand
from edgeinfer_converters.tflite.layouts import stored_shape
from edgeinfer_converters.tflite.lowering import Lowering, Table
from edgeinfer_converters.tflite.moving import refuse_empty
from edgeinfer_converters.tflite.nodes import Node


def expand_(node: Node, at: Lowering) -> None:
    """Expand, to a shape that is known: axes of length 1 are repeated."""
    name, result = node.inputs[0], node.outputs[0]
    refuse_empty(at, result)
    layout = common_layout(at, [name], at.rank(result))
    tensor = read_operand(at, name, layout, stored=True)
    at.write(result, expand(at, tensor, stored_shape(at.shape(result), layout)), layout)


def tile(node: Node, at: Lowering) -> None:
    """Tile: how often follows from the shapes."""
    name, result = node.inputs[0], node.outputs[0]
    refuse_empty(at, name, result)
    layout = at.layout(name)
    source = at.stored(name, layout)
    found, sides = at.graph.tensors[source], stored_shape(at.shape(result), layout)
    times = tuple(after // before for before, after in zip(found.shape, sides, strict=True))
    if any(one != 1 for one in times):
        source = at.add("TILE", [source, at.const(times)], sides, found.dtype, found.quant)
    at.write(result, source, layout)


OPERATORS: Table = {"Expand": expand_, "Tile": tile}
