"""Operators of integers: remainders and bits.

Kernels exist for few of them; the rest are sums and products that give the same bits.
"""

from __future__ import annotations

from functools import partial

import numpy as np

from edgeinfer_converters.tflite.broadcast import common_layout, read_operand
from edgeinfer_converters.tflite.faults import UnsupportedError
from edgeinfer_converters.tflite.lowering import Lowering, Table
from edgeinfer_converters.tflite.nodes import Node
from edgeinfer_converters.tflite.operators.formulas import Term, pointwise

_HALF = 1 << 16


def mod(node: Node, at: Lowering) -> None:
    """Mod: the remainder has the sign of the divisor, with `fmod` that of the dividend."""
    left, right = _operands(node, at)
    if node.integer("fmod", 0):
        _write(node, at, _fmod(left, right))
        return
    if left.dtype == "float32":
        raise UnsupportedError("remainders of floats are defined with `fmod` only")
    _write(node, at, _floor_mod(left, right))


def bit_shift(node: Node, at: Lowering) -> None:
    """BitShift: by a negative number of steps as by too many, which leave 0, or the sign of the value."""
    wanted = at.facts.dtype(node.outputs[0])
    if wanted.itemsize > 4:
        raise UnsupportedError(f"shifts of {wanted.name} have no equal")
    bits, signed = 8 * wanted.itemsize, wanted.kind == "i"
    value, steps = _operands(node, at)
    if signed:
        steps = (steps < 0).choose(steps.number(bits), steps)
    if node.text("direction", "") == "RIGHT":
        steps = steps.least(bits - 1 if signed else bits)
        shifted = value.cast(wanted.name).pair("RIGHT_SHIFT", steps.cast(wanted.name)).cast(value.dtype)
        _write(node, at, shifted if signed else (steps < bits).choose(shifted, 0))
        return
    steps = steps.least(bits)
    first = steps.least(16)
    _write(node, at, value * _power_of_two(first) * _power_of_two(steps - first))


def bitwise(combine: str, node: Node, at: Lowering) -> None:
    """BitwiseAnd, BitwiseOr, BitwiseXor of up to 32 bits."""
    wanted = at.facts.dtype(node.outputs[0])
    if wanted.itemsize > 4:
        raise UnsupportedError(f"bitwise operators on {wanted.name} have no equal")
    left, right = (one.cast("int32") for one in _operands(node, at))
    different = _xor(left, right)
    if combine == "xor":
        _write(node, at, different)
        return
    both = _and_whole(left, right) if wanted.itemsize == 4 else _and(left, right)
    _write(node, at, both if combine == "and" else both + different)


def bitwise_not(x: Term, _: Node) -> Term:
    """BitwiseNot: -1 - x has all bits turned, in the type to which the result is narrowed too."""
    return -1 - x


def _operands(node: Node, at: Lowering) -> tuple[Term, Term]:
    layout = common_layout(at, node.inputs, at.rank(node.outputs[0]))
    left, right = (Term(at, read_operand(at, name, layout)) for name in node.inputs)
    return left, right


def _write(node: Node, at: Lowering, result: Term) -> None:
    layout = common_layout(at, node.inputs, at.rank(node.outputs[0]))
    at.write(node.outputs[0], result.tensor, layout)


def _floor_mod(left: Term, right: Term) -> Term:
    if left.dtype != "float32":
        # The remainder by -1 is 0, as by 1; the processor's division of the least integer by -1 traps.
        right = right.equals(-1).choose(right.number(1), right)
    return left.pair("FLOOR_MOD", right)


def _fmod(left: Term, right: Term) -> Term:
    if left.dtype == "float32":
        return left.apply("SIGN") * left.apply("ABS").pair("FLOOR_MOD", right.apply("ABS"))
    found = _floor_mod(left, right)
    other_side = (left < 0).differs(right < 0) & found.differs(0)
    return other_side.choose(found - right, found)


def _power_of_two(steps: Term) -> Term:
    """2^steps for steps from 0 to 16."""
    small = steps.cast("int32")
    return small.number(2).pair("POW", small).cast(steps.dtype)


def _xor(left: Term, right: Term) -> Term:
    shape = np.broadcast_shapes(left.shape, right.shape)
    return left.expanded(shape).pair("BITWISE_XOR", right.expanded(shape))


def _and(left: Term, right: Term) -> Term:
    """Of up to 17 bits with sign: a + b counts common bits twice, a ^ b leaves them out."""
    return _halved(left + right - _xor(left, right), 1)


def _and_whole(left: Term, right: Term) -> Term:
    """Of 32 bits: of the upper and the lower half."""
    upper = [_halved(one, 16) for one in (left, right)]
    lower = [one - high * _HALF for one, high in zip((left, right), upper, strict=True)]
    return _and(*upper) * _HALF + _and(*lower)


def _halved(term: Term, times: int) -> Term:
    return term.pair("RIGHT_SHIFT", term.number(times).expanded(term.shape))


OPERATORS: Table = {
    "BitShift": bit_shift,
    "BitwiseAnd": partial(bitwise, "and"),
    "BitwiseNot": partial(pointwise, bitwise_not),
    "BitwiseOr": partial(bitwise, "or"),
    "BitwiseXor": partial(bitwise, "xor"),
    "Mod": mod,
}
