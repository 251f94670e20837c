"""QuantizeLinear and DequantizeLinear as arithmetic, where the integers themselves are wanted.

Source: the operators' definitions in ONNX: x / scale, rounded half to even, plus zero point, saturated;
(x - zero point) * scale.
"""

from __future__ import annotations

from math import prod

import numpy as np

from edgeinfer_converters.tflite.faults import UnsupportedError
from edgeinfer_converters.tflite.layouts import plain, stored_axis
from edgeinfer_converters.tflite.lowering import Lowering
from edgeinfer_converters.tflite.nodes import Node
from edgeinfer_converters.tflite.operators.formulas import Term

_INTEGERS = frozenset({"int8", "uint8", "int16", "uint16", "int32"})


def quantize(node: Node, at: Lowering) -> None:
    """The integers of a tensor of floats."""
    name, result = node.inputs[0], node.outputs[0]
    wanted = _integer_type(at, result)
    if at.facts.dtype(node.inputs[1]) != np.float32 or node.integer("precision", 1) != 1:
        raise UnsupportedError("it divides in another precision than float32")
    layout, limits = at.layout(name), np.iinfo(wanted)
    x = Term(at, at.read_as(name, "float32", layout)) / _parameter(node, at, 1)
    rounded = x.apply("ROUND")
    if node.input(2):
        rounded = rounded + _parameter(node, at, 2).cast("float32")
    at.write(result, rounded.most(limits.min).least(limits.max).cast("int32").tensor, layout)


def dequantize(node: Node, at: Lowering) -> None:
    """The floats that integers stand for."""
    name = node.inputs[0]
    _integer_type(at, name)
    layout = at.layout(name)
    x = Term(at, at.read(name, layout))
    if node.input(2):
        x = x - _parameter(node, at, 2)
    at.write(node.outputs[0], (x.cast("float32") * _parameter(node, at, 1)).tensor, layout)


def _integer_type(at: Lowering, name: str) -> str:
    found = at.facts.dtype(name).name
    if found not in _INTEGERS:
        raise UnsupportedError(f"TFLite does not compute with {found}")
    return found


def _parameter(node: Node, at: Lowering, index: int) -> Term:
    """A scale or zero point in the layout of the tensor: for all of it, an index of an axis, or a block."""
    name, tensor = node.inputs[0], node.input(index)
    rank, layout, shape = at.rank(name), at.layout(name), at.shape(tensor)
    if prod(shape) == 1:
        return Term(at, at.reshape(at.read(tensor), (1,) * rank))
    axis = node.integer("axis", 1) % rank
    if len(shape) == 1 and not node.integer("block_size", 0):
        sides = [1] * rank
        sides[stored_axis(axis, layout)] = shape[0]
        return Term(at, at.reshape(at.read(tensor), sides))
    return Term(at, at.transpose(_of_blocks(node, at, tensor, axis), layout))


def _of_blocks(node: Node, at: Lowering, tensor: str, axis: int) -> int:
    """Each index of an axis has the parameter of its block."""
    size, block = at.shape(node.inputs[0])[axis], node.integer("block_size", 0)
    source = at.read(tensor, plain(at.rank(tensor)))
    if not block or at.rank(tensor) != at.rank(node.inputs[0]):
        raise UnsupportedError("its scales have neither one axis nor blocks")
    shape = tuple(size if place == axis else side for place, side in enumerate(at.shape(tensor)))
    indices = at.const((np.arange(size) // block).astype(np.int32))
    dtype = at.graph.tensors[source].dtype
    return at.add("GATHER", [source, indices], shape, dtype, axis=axis, batchDims=0)
