"""Comparisons, logic, and the choice between two tensors."""

from __future__ import annotations

from functools import partial
from math import inf

from edgeinfer_converters.tflite.broadcast import common_layout, few_axes, read_operand
from edgeinfer_converters.tflite.faults import UnsupportedError
from edgeinfer_converters.tflite.layouts import stored_shape
from edgeinfer_converters.tflite.lowering import Lowering, Table
from edgeinfer_converters.tflite.nodes import Node
from edgeinfer_converters.tflite.operators.formulas import Term, pointwise


def compare(code: str, node: Node, at: Lowering) -> None:
    """Two operands of one type, a boolean result."""
    result = node.outputs[0]
    layout = common_layout(at, node.inputs, at.rank(result))
    operands = [read_operand(at, name, layout) for name in node.inputs]
    shape = stored_shape(at.shape(result), layout)
    few, sides = few_axes(at, operands, shape)
    at.write(result, at.reshape(at.add(code, few, sides, "bool"), shape), layout)


def where(node: Node, at: Lowering) -> None:
    """Where: SELECT_V2 on three operands that broadcast."""
    result = node.outputs[0]
    if at.dtype(result).name not in ("bool", "float32", "int32", "int64"):
        raise UnsupportedError(f"TFLite's SELECT_V2 does not know {at.dtype(result).name}")
    layout = common_layout(at, node.inputs[1:], at.rank(result))
    operands = [read_operand(at, name, layout) for name in node.inputs]
    shape = stored_shape(at.shape(result), layout)
    few, sides = few_axes(at, operands, shape)
    at.write(result, at.reshape(at.add("SELECT_V2", few, sides, at.dtype(result)), shape), layout)


def is_nan(x: Term, _: Node) -> Term:
    """NaN alone differs from itself."""
    return x.differs(x)


def is_inf(x: Term, node: Node) -> Term:
    """Infinite, of the signs that the attributes name."""
    up, down = node.integer("detect_positive", 1), node.integer("detect_negative", 1)
    if up and down:
        return x.equals(inf) | x.equals(-inf)
    if not up and not down:
        return x.equals(x) & x.differs(x)
    return x.equals(inf if up else -inf)


def negation(x: Term, _: Node) -> Term:
    """Not."""
    return x.apply("LOGICAL_NOT")


OPERATORS: Table = {
    "And": partial(compare, "LOGICAL_AND"),
    "Equal": partial(compare, "EQUAL"),
    "Greater": partial(compare, "GREATER"),
    "GreaterOrEqual": partial(compare, "GREATER_EQUAL"),
    "IsInf": partial(pointwise, is_inf),
    "IsNaN": partial(pointwise, is_nan),
    "Less": partial(compare, "LESS"),
    "LessOrEqual": partial(compare, "LESS_EQUAL"),
    "Not": partial(pointwise, negation),
    "Or": partial(compare, "LOGICAL_OR"),
    "Where": where,
    "Xor": partial(compare, "NOT_EQUAL"),
}
