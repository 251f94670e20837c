"""Operators of two and more operands that broadcast: arithmetic, comparisons, logic."""

from __future__ import annotations

from functools import partial

from edgeinfer_converters.tflite.broadcast import common_layout, few_axes, read_operand
from edgeinfer_converters.tflite.faults import UnsupportedError
from edgeinfer_converters.tflite.fusing import NONE, fuse_activation
from edgeinfer_converters.tflite.layouts import stored_shape
from edgeinfer_converters.tflite.lowering import Lowering, Table
from edgeinfer_converters.tflite.nodes import Node

FUSING = frozenset({"ADD", "DIV", "MUL", "SUB"})
"""Kernels that can apply an activation."""

INTEGER = frozenset({"ADD", "MUL", "SUB"})
"""Kernels that compute with 8 bits at scales of their own."""


def binary(code: str, node: Node, at: Lowering) -> None:
    """An operator of two operands with one kernel."""
    activation, result = (NONE, node.outputs[0])
    if code in FUSING and at.dtype(node.outputs[0]).kind == "f":
        activation, result = fuse_activation(node, at)
    rank = at.rank(result)
    layout = common_layout(at, node.inputs, rank)
    target = at.target(result)
    stored = (
        code in INTEGER and target is not None and all(at.quant(name) is not None for name in node.inputs)
    )
    operands = [read_operand(at, name, layout, stored=stored) for name in node.inputs]
    shape = stored_shape(at.shape(result), layout)
    operands, sides = few_axes(at, operands, shape)
    options = {"fusedActivationFunction": activation} if code in FUSING else {}
    dtype = "int8" if stored else at.dtype(result)
    written = at.add(code, operands, sides, dtype, target if stored else None, **options)
    at.write(result, at.reshape(written, shape), layout)


def variadic(code: str, node: Node, at: Lowering) -> None:
    """An operator of any number of operands as a chain of one of two."""
    result = node.outputs[0]
    layout = common_layout(at, node.inputs, at.rank(result))
    shape = stored_shape(at.shape(result), layout)
    total = read_operand(at, node.inputs[0], layout)
    for name in node.inputs[1:]:
        operand = read_operand(at, name, layout)
        total = combine(at, code, total, operand)
    if at.graph.tensors[total].shape != shape:
        raise UnsupportedError("its operands do not have the shape of the result")
    at.write(result, total, layout)


def combine(at: Lowering, code: str, one: int, other: int) -> int:
    """One kernel on two tensors of the same rank and type, which may broadcast."""
    left, right = at.graph.tensors[one], at.graph.tensors[other]
    shape = tuple(max(a, b) if 0 not in (a, b) else 0 for a, b in zip(left.shape, right.shape, strict=True))
    operands, sides = few_axes(at, [one, other], shape)
    options = {"fusedActivationFunction": NONE} if code in FUSING else {}
    return at.reshape(at.add(code, operands, sides, left.dtype, **options), shape)


def mean(node: Node, at: Lowering) -> None:
    """Mean of several tensors."""
    _sum_of(node, at, 1.0 / len(node.inputs))


def _sum_of(node: Node, at: Lowering, factor: float) -> None:
    result = node.outputs[0]
    layout = common_layout(at, node.inputs, at.rank(result))
    total = read_operand(at, node.inputs[0], layout)
    for name in node.inputs[1:]:
        total = combine(at, "ADD", total, read_operand(at, name, layout))
    scale = at.const([factor], "float32")
    found = at.graph.tensors[total]
    at.write(
        result, at.add("MUL", [total, scale], found.shape, found.dtype, fusedActivationFunction=NONE), layout
    )


def compare(code: str, node: Node, at: Lowering) -> None:
    """A comparison: operands of one type, a boolean result."""
    result = node.outputs[0]
    layout = common_layout(at, node.inputs, at.rank(result))
    operands = [read_operand(at, name, layout) for name in node.inputs]
    shape = stored_shape(at.shape(result), layout)
    few, sides = few_axes(at, operands, shape)
    at.write(result, at.reshape(at.add(code, few, sides, "bool"), shape), layout)


def where(node: Node, at: Lowering) -> None:
    """Where: SELECT_V2 on three operands that broadcast."""
    result = node.outputs[0]
    layout = common_layout(at, node.inputs[1:], at.rank(result))
    operands = [read_operand(at, name, layout) for name in node.inputs]
    shape = stored_shape(at.shape(result), layout)
    few, sides = few_axes(at, operands, shape)
    at.write(result, at.reshape(at.add("SELECT_V2", few, sides, at.dtype(result)), shape), layout)


OPERATORS: Table = {
    "Add": partial(binary, "ADD"),
    "And": partial(binary, "LOGICAL_AND"),
    "Div": partial(binary, "DIV"),
    "Equal": partial(compare, "EQUAL"),
    "Greater": partial(compare, "GREATER"),
    "GreaterOrEqual": partial(compare, "GREATER_EQUAL"),
    "Less": partial(compare, "LESS"),
    "LessOrEqual": partial(compare, "LESS_EQUAL"),
    "Max": partial(variadic, "MAXIMUM"),
    "Mean": mean,
    "Min": partial(variadic, "MINIMUM"),
    "Mul": partial(binary, "MUL"),
    "Or": partial(binary, "LOGICAL_OR"),
    "Pow": partial(binary, "POW"),
    "Sub": partial(binary, "SUB"),
    "Sum": partial(variadic, "ADD"),
    "Where": where,
    "Xor": partial(binary, "NOT_EQUAL"),
}
