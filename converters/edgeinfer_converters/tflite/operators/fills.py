"""Operators that make tensors of numbers: ranges, constants, triangles, one-hot rows."""

from __future__ import annotations

import numpy as np
from onnx import helper, numpy_helper

from edgeinfer.frames import Array
from edgeinfer_converters.tflite.faults import UnsupportedError
from edgeinfer_converters.tflite.layouts import Layout, plain
from edgeinfer_converters.tflite.lowering import Lowering, Table
from edgeinfer_converters.tflite.moving import refuse_empty
from edgeinfer_converters.tflite.nodes import Node
from edgeinfer_converters.tflite.places import one_of, read_indices
from edgeinfer_converters.tflite.steps import compute, select


def range_(node: Node, at: Lowering) -> None:
    """Range of a known length between bounds that the model computes: start + i * step."""
    result = node.outputs[0]
    refuse_empty(at, result)
    start, step = (at.reshape(at.read(node.inputs[index]), (1,)) for index in (0, 2))
    count, dtype = at.shape(result)[0], at.dtype(result)
    steps = compute(at, "MUL", step, np.arange(count))
    at.write(result, at.add("ADD", [steps, start], (count,), dtype, fusedActivationFunction="NONE"))


def constant_of_shape(node: Node, at: Lowering) -> None:
    """ConstantOfShape of a known shape: a constant."""
    value = node.tensor("value")
    number = np.zeros((), np.float32) if value is None else numpy_helper.to_array(value).reshape(())
    at.facts.fix(node.outputs[0], np.full(at.shape(node.outputs[0]), number))


def eye_like(node: Node, at: Lowering) -> None:
    """EyeLike: a constant."""
    rows, columns = at.shape(node.inputs[0])
    kind = at.facts.dtype(node.inputs[0])
    if node.has("dtype"):
        kind = helper.tensor_dtype_to_np_dtype(node.integer("dtype", 1))
    at.facts.fix(node.outputs[0], np.eye(rows, columns, k=node.integer("k", 0), dtype=kind))


def trilu(node: Node, at: Lowering) -> None:
    """Trilu: the elements of a triangle, zeros elsewhere, in the layout that the tensor is stored in."""
    name, result = node.inputs[0], node.outputs[0]
    refuse_empty(at, name)
    layout = at.layout(name)
    source = at.stored(name, layout)
    found = at.graph.tensors[source]
    number = 0 if found.quant is None else found.quant.zero_points[0]
    zero = at.graph.constant(np.full((1,) * len(layout), number, found.dtype), "zero", found.quant)
    at.write(result, select(at, _triangle(node, at, layout), source, zero), layout)


def _triangle(node: Node, at: Lowering, layout: Layout) -> int:
    """Which elements stay: bool, with length 1 along the axes of the batch."""
    *_, rows, columns = at.shape(node.inputs[0])
    rank = len(layout)
    from_diagonal: Array = np.arange(columns) - np.arange(rows)[:, None]
    given = at.constant(node.input(1)) if node.input(1) else np.zeros(())
    if given is None:
        diagonal = at.read_as(node.input(1), "int32")
    else:
        diagonal = at.const(given.clip(-rows - columns, rows + columns).astype(np.int32))
    # column - row >= k keeps the upper triangle; as k <= column - row the constant comes second
    code = "LESS_EQUAL" if node.integer("upper", 1) else "GREATER_EQUAL"
    kept = compute(at, code, at.reshape(diagonal, (1, 1)), from_diagonal)
    return at.transpose(at.reshape(kept, (*(1,) * (rank - 2), rows, columns)), layout)


def one_hot(node: Node, at: Lowering) -> None:
    """OneHot: indices that are out of range give rows of the first value alone."""
    indices, result = node.inputs[0], node.outputs[0]
    refuse_empty(at, indices, result)
    rank = at.rank(result)
    axis = node.integer("axis", -1) % rank
    depth = at.shape(result)[axis]
    rows = read_indices(at, indices, (depth,))
    values = at.read(node.inputs[2])
    off, on = (at.reshape(one_of(at, values, place), ()) for place in (0, 1))
    inputs = [rows, at.const(np.array(depth, np.int32)), on, off]
    dtype = at.graph.tensors[on].dtype
    if dtype == "uint64":
        raise UnsupportedError("TFLite's ONE_HOT does not take uint64")
    written = at.add("ONE_HOT", inputs, at.shape(result), dtype, axis=-1 if axis == rank - 1 else axis)
    at.write(result, written, plain(rank))


OPERATORS: Table = {
    "ConstantOfShape": constant_of_shape,
    "EyeLike": eye_like,
    "OneHot": one_hot,
    "Range": range_,
    "Trilu": trilu,
}
