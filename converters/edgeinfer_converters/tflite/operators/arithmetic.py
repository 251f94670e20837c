"""Arithmetic of two and more operands that broadcast.

Of a number and NaN, MAXIMUM and MINIMUM give the one or the other, as their order and the runtime have it.
"""

from __future__ import annotations

from functools import partial

import numpy as np

from edgeinfer_converters.tflite.broadcast import common_layout, few_axes, read_operand
from edgeinfer_converters.tflite.faults import UnsupportedError
from edgeinfer_converters.tflite.fusing import NONE, fuse_activation
from edgeinfer_converters.tflite.layouts import stored_shape
from edgeinfer_converters.tflite.lowering import Lowering, Table
from edgeinfer_converters.tflite.nodes import Node
from edgeinfer_converters.tflite.steps import FUSING, combine

_MAX_FACTORS = 8
"""Powers of integers up to this one are products."""

INTEGER = frozenset({"ADD", "MUL", "SUB"})
"""Kernels that compute with 8 bits at scales of their own."""


def binary(code: str, node: Node, at: Lowering) -> None:
    """An operator of two operands with one kernel."""
    _refuse_double_inputs(node, at)
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
    _refuse_double_inputs(node, at)
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


def _refuse_double_inputs(node: Node, at: Lowering) -> None:
    """Constants are checked, and what was float32 before fits; of float64 inputs nothing is known."""
    if at.facts.dtype(node.outputs[0]) == np.float64 and any(
        at.facts.dtype(name) == np.float64 for name in at.view.inputs
    ):
        raise UnsupportedError(
            "it computes with float64, and the model's inputs may exceed what float32 can hold: "
            "export the model with float32 inputs"
        )


def mean(node: Node, at: Lowering) -> None:
    """Mean of several tensors."""
    result = node.outputs[0]
    variadic("ADD", node, at)
    total = at.read(result, at.layout(result))
    factor = at.const(np.full((1,) * at.rank(result), 1.0 / len(node.inputs), np.float32))
    at.write(result, combine(at, "MUL", total, factor), at.layout(result))


def power(node: Node, at: Lowering) -> None:
    """Pow in the type of the base: whole exponents that are constant become products."""
    base, exponent = node.inputs[:2]
    factors = _whole_exponent(at, exponent) if at.shape(base) == at.shape(node.outputs[0]) else None
    if factors is not None and (at.dtype(base).kind in "iu" or factors in (1, 2, 3)):
        _product(node, at, factors)
        return
    if at.dtype(base) == at.dtype(exponent):
        binary("POW", node, at)
        return
    if at.dtype(base).kind != "f":
        raise UnsupportedError("a power of integers with an exponent of another type is not exact in float32")
    layout = common_layout(at, node.inputs, at.rank(node.outputs[0]))
    operands = [at.cast(read_operand(at, name, layout), "float32") for name in node.inputs]
    at.write(node.outputs[0], combine(at, "POW", *operands), layout)


def _whole_exponent(at: Lowering, name: str) -> int | None:
    """A constant exponent that is one whole number from 0 to 8."""
    values = at.constant(name)
    if values is None or values.size != 1 or values.item() not in range(_MAX_FACTORS + 1):
        return None
    return int(values.item())


def _product(node: Node, at: Lowering, factors: int) -> None:
    name, result = node.inputs[0], node.outputs[0]
    layout = at.layout(name)
    base = at.read(name, layout)
    found = at.graph.tensors[base]
    total = base if factors else at.const(np.ones(found.shape, found.dtype))
    for _ in range(factors - 1):
        total = combine(at, "MUL", total, base)
    at.write(result, total, layout)


OPERATORS: Table = {
    "Add": partial(binary, "ADD"),
    "Div": partial(binary, "DIV"),
    "Max": partial(variadic, "MAXIMUM"),
    "Mean": mean,
    "Min": partial(variadic, "MINIMUM"),
    "Pow": power,
    "Sub": partial(binary, "SUB"),
    "Sum": partial(variadic, "ADD"),
}
