"""Determinants of small matrices, by their expansion along the first row."""

from __future__ import annotations

from math import prod

from edgeinfer_converters.tflite.faults import UnsupportedError
from edgeinfer_converters.tflite.lowering import Lowering, Table
from edgeinfer_converters.tflite.nodes import Node
from edgeinfer_converters.tflite.operators.formulas import Term

MAX_SIZE = 3
"""The expansion of larger ones has too many products."""


def det(node: Node, at: Lowering) -> None:
    """Det of matrices of up to 3 rows."""
    shape = at.shape(node.inputs[0])
    size, count = shape[-1], prod(shape[:-2])
    if size > MAX_SIZE or not prod(shape):
        raise UnsupportedError(f"determinants of {size} rows have no equal")
    flat = at.reshape(at.read(node.inputs[0]), (count, size * size))
    entries = [
        [_entry(at, flat, row * size + column, count) for column in range(size)] for row in range(size)
    ]
    at.write(node.outputs[0], at.reshape(_expansion(entries).tensor, shape[:-2]))


def _entry(at: Lowering, flat: int, place: int, count: int) -> Term:
    inputs = [flat, at.const([0, place]), at.const([count, 1])]
    return Term(at, at.add("SLICE", inputs, (count, 1), at.graph.tensors[flat].dtype))


def _expansion(entries: list[list[Term]]) -> Term:
    if len(entries) == 1:
        return entries[0][0]
    total: Term | None = None
    for column, entry in enumerate(entries[0]):
        rest = [[other for place, other in enumerate(row) if place != column] for row in entries[1:]]
        part = entry * _expansion(rest)
        total = part if total is None else (total - part if column % 2 else total + part)
    if total is None:
        raise UnsupportedError("a matrix of no rows has no determinant here")
    return total


OPERATORS: Table = {"Det": det}
