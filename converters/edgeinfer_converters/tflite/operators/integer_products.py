"""Matrix products of integers, computed with floats, which hold their sums exactly up to a certain length."""

from __future__ import annotations

import numpy as np

from edgeinfer_converters.tflite.faults import UnsupportedError
from edgeinfer_converters.tflite.lowering import Lowering, Table
from edgeinfer_converters.tflite.nodes import Node
from edgeinfer_converters.tflite.operators.formulas import Term

MAX_TERMS = (1 << 24) // 255**2
"""So many products of 8-bit numbers add up to what float32 holds exactly."""

_MAX_AXES = 4


def mat_mul_integer(node: Node, at: Lowering) -> None:
    """MatMulInteger: (a - zero point) (b - zero point), int32."""
    left = _shifted(at, node.inputs[0], node.input(2), rows=True)
    right = _shifted(at, node.inputs[1], node.input(3), rows=False)
    at.write(node.outputs[0], _product(left, right).cast("int32").tensor)


def q_linear_mat_mul(node: Node, at: Lowering) -> None:
    """QLinearMatMul: the product at the scale of the result, rounded half to even and saturated."""
    one, one_scale, one_zero, other, other_scale, other_zero, scale, zero = node.inputs
    total = _product(_shifted(at, one, one_zero, rows=True), _shifted(at, other, other_zero, rows=False))
    factor = _column(at, one_scale, rows=True) * _column(at, other_scale, rows=False) / _column(at, scale)
    limits = np.iinfo(at.facts.dtype(node.outputs[0]))
    result = (total * factor).apply("ROUND") + _column(at, zero)
    at.write(node.outputs[0], result.most(limits.min).least(limits.max).cast("int32").tensor)


def _shifted(at: Lowering, name: str, zero: str, *, rows: bool) -> Term:
    """A matrix less its zero point, as floats."""
    if not 2 <= at.rank(name) <= _MAX_AXES:
        raise UnsupportedError(f"products of integers of {at.rank(name)} axes have no equal")
    matrix = Term(at, at.read(name))
    return (matrix.cast("float32") - _column(at, zero, rows=rows)) if zero else matrix.cast("float32")


def _column(at: Lowering, name: str, *, rows: bool = False) -> Term:
    """A scale or zero point as floats: one number, one a row (of the first factor) or one a column."""
    term = Term(at, at.read_as(name, "float32"))
    if not term.shape:
        return Term(at, at.reshape(term.tensor, (1,)))
    if len(term.shape) == 1 and rows and term.shape != (1,):
        return Term(at, at.reshape(term.tensor, (*term.shape, 1)))
    return term


def _product(left: Term, right: Term) -> Term:
    if left.shape[-1] > MAX_TERMS:
        raise UnsupportedError(f"float32 does not hold sums of more than {MAX_TERMS} products")
    at = left.at
    shape = (*np.broadcast_shapes(left.shape[:-2], right.shape[:-2]), left.shape[-2], right.shape[-1])
    inputs = [left.tensor, right.tensor]
    return Term(at, at.add("BATCH_MATMUL", inputs, shape, "float32", adjX=False, adjY=False))


OPERATORS: Table = {"MatMulInteger": mat_mul_integer, "QLinearMatMul": q_linear_mat_mul}
