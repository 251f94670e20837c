"""Products of integers (ConvInteger, MatMulInteger, QLinearConv, QLinearMatMul): computed in float32.

Whole numbers below 2^24 are exact in float32, whatever the order of the sums; products that may reach
farther are refused.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from math import prod
from typing import Any

import numpy as np
from onnx import TensorProto, helper

from edgeinfer.frames import Array
from edgeinfer_converters.tflite.faults import UnsupportedError
from edgeinfer_converters.tflite.lowering import Lower, Lowering, Table
from edgeinfer_converters.tflite.nodes import Node
from edgeinfer_converters.tflite.operators.activations import apply
from edgeinfer_converters.tflite.operators.arithmetic import binary
from edgeinfer_converters.tflite.operators.casts import cast
from edgeinfer_converters.tflite.operators.conv import conv
from edgeinfer_converters.tflite.operators.moves import reshape
from edgeinfer_converters.tflite.operators.products import mat_mul
from edgeinfer_converters.tflite.steps import with_number

EXACT = 1 << 24
"""Whole numbers up to this are exact in float32."""

_WIDEST = 255
"""The greatest distance of an 8-bit number from its zero point."""

_LOWER: Mapping[str, Lower] = {
    "Add": partial(binary, "ADD"),
    "Cast": cast,
    "Conv": conv,
    "Div": partial(binary, "DIV"),
    "MatMul": mat_mul,
    "Mul": partial(binary, "MUL"),
    "Reshape": reshape,
    "Sub": partial(binary, "SUB"),
}


def conv_integer(node: Node, at: Lowering) -> None:
    """ConvInteger: an int32 result."""
    steps = _Steps(node, at)
    image = steps.centred(node.inputs[0], node.input(2))
    weights = steps.centred(node.inputs[1], node.input(3), axis=0)
    _check(at, weights, at.shape(node.inputs[1])[1:])
    _write_int32(node, at, steps.add("Conv", [image, weights], **_window(node)))


def mat_mul_integer(node: Node, at: Lowering) -> None:
    """MatMulInteger: an int32 result."""
    steps = _Steps(node, at)
    left = steps.centred(node.inputs[0], node.input(2), axis=-2)
    right = steps.centred(node.inputs[1], node.input(3))
    _check(at, right, at.shape(node.inputs[0])[-1:])
    _write_int32(node, at, steps.add("MatMul", [left, right]))


def qlinear_conv(node: Node, at: Lowering) -> None:
    """QLinearConv: a sum in int32, brought to the scale of the result."""
    image, image_scale, image_zero, filters, scale, zero, out_scale, out_zero = node.inputs[:8]
    steps = _Steps(node, at)
    weights = steps.centred(filters, zero, axis=0)
    inputs = [steps.centred(image, image_zero), weights]
    bias = node.input(8)
    if bias:
        at.need_constant(node, 8, "biases")
        inputs.append(steps.real(bias))
    _check(at, weights, at.shape(filters)[1:], at.constant(bias) if bias else np.zeros(1))
    total = steps.add("Conv", inputs, **_window(node))
    factor = steps.factor([image_scale, steps.on_axis(scale, 1, at.rank(filters))], out_scale)
    _write_scaled(node, at, steps, steps.add("Mul", [total, factor]), out_zero)


def qlinear_mat_mul(node: Node, at: Lowering) -> None:
    """QLinearMatMul: scales and zero points of matrices, of rows of the first, of columns of the second."""
    left, left_scale, left_zero, right, right_scale, right_zero, out_scale, out_zero = node.inputs[:8]
    steps = _Steps(node, at)
    other = steps.centred(right, right_zero)
    _check(at, other, at.shape(left)[-1:])
    total = steps.add("MatMul", [steps.centred(left, left_zero, axis=-2), other])
    factor = steps.factor([steps.on_axis(left_scale, -2, at.rank(left)), right_scale], out_scale)
    _write_scaled(node, at, steps, steps.add("Mul", [total, factor]), out_zero)


class _Steps:
    """Nodes that stand for one node, each lowered at once; those of constants are computed beforehand."""

    def __init__(self, node: Node, at: Lowering) -> None:
        self._node, self._at = node, at
        self._count = 0

    def add(self, kind: str, inputs: list[str], **attributes: Any) -> str:
        """Lower one node; returns the name of its result."""
        name = self._name()
        proto = helper.make_node(kind, inputs, [name], name=name, **attributes)
        node = Node(proto, self._node.opset)
        if not self._at.facts.learn(node):
            _LOWER[kind](node, self._at)
        return name

    def real(self, name: str) -> str:
        """A tensor in float32."""
        return self.add("Cast", [name], to=TensorProto.FLOAT)

    def centred(self, name: str, zero: str, axis: int | None = None) -> str:
        """A tensor in float32 without its zero point, which may be one for each index of an axis."""
        real = self.real(name)
        if not zero:
            return real
        shift = self.real(zero)
        if axis is not None:
            shift = self.on_axis(shift, axis, self._at.rank(name))
        return self.add("Sub", [real, shift])

    def on_axis(self, name: str, axis: int, rank: int) -> str:
        """A vector as a tensor that broadcasts along an axis; a number as it is."""
        if self._at.rank(name) != 1 or prod(self._at.shape(name)) == 1:
            return name
        sides = [1] * rank
        sides[axis] = -1
        shape = self._name()
        self._at.facts.fix(shape, np.array(sides, np.int64))
        return self.add("Reshape", [name, shape])

    def factor(self, scales: list[str], out: str) -> str:
        """What a product is multiplied with: its scales over that of the result."""
        return self.add("Div", [self.add("Mul", [self.real(one) for one in scales]), self.real(out)])

    def _name(self) -> str:
        self._count += 1
        return f"{self._node.outputs[0]}/{self._count}"


def _window(node: Node) -> dict[str, Any]:
    """The attributes of a convolution's window."""
    lists = ("dilations", "kernel_shape", "pads", "strides")
    found: dict[str, Any] = {name: node.integers(name) for name in lists if node.has(name)}
    return {**found, "group": node.integer("group", 1), "auto_pad": node.text("auto_pad", "NOTSET")}


def _check(at: Lowering, weights: str, sides: tuple[int, ...], bias: Array | None = None) -> None:
    """Raises UnsupportedError if a sum may be too great to be exact.

    `sides`: those over which is summed. `bias`: what is added, for products that add something.
    """
    values = at.constant(weights)
    reach = _WIDEST * prod(sides)
    if values is not None:
        # No sum is over more than all axes but the one of the outputs; for matrices these are the columns.
        axes = tuple(range(1, values.ndim)) if len(sides) > 1 else (max(values.ndim - 2, 0),)
        reach = int(np.abs(values.astype(np.float64)).sum(axes).max(initial=0))
    added = 0 if bias is None else int(np.abs(bias.astype(np.float64)).max(initial=0))
    if reach * _WIDEST + added >= EXACT:
        raise UnsupportedError("its sums may be too great to be exact in float32")


def _write_int32(node: Node, at: Lowering, total: str) -> None:
    layout = at.layout(total)
    at.write(node.outputs[0], at.cast(at.read(total, layout), "int32"), layout)


def _write_scaled(node: Node, at: Lowering, steps: _Steps, real: str, zero: str) -> None:
    """Add the zero point, round half to even, and saturate."""
    if zero:
        real = steps.add("Add", [real, steps.real(zero)])
    layout, limits = at.layout(real), np.iinfo(at.facts.dtype(node.outputs[0]))
    rounded = apply(at, "ROUND", at.read(real, layout))
    bounded = with_number(at, "MINIMUM", with_number(at, "MAXIMUM", rounded, limits.min), limits.max)
    at.write(node.outputs[0], at.cast(bounded, "int32"), layout)


OPERATORS: Table = {
    "ConvInteger": conv_integer,
    "MatMulInteger": mat_mul_integer,
    "QLinearConv": qlinear_conv,
    "QLinearMatMul": qlinear_mat_mul,
}
