"""Activations, in whatever layout their operand is stored.

RELU carries NaN on; MAXIMUM, MINIMUM and EXP may not: behind a NaN, formulas of theirs may give a number.
"""

from __future__ import annotations

from functools import partial

import numpy as np

from edgeinfer_converters.quantize.operators import clamp_bounds
from edgeinfer_converters.tflite.faults import UnsupportedError
from edgeinfer_converters.tflite.fusing import FUSED
from edgeinfer_converters.tflite.layouts import channels_last
from edgeinfer_converters.tflite.lowering import Lowering, Table
from edgeinfer_converters.tflite.nodes import Node
from edgeinfer_converters.tflite.operators.formulas import Term, pointwise
from edgeinfer_converters.tflite.steps import combine
from edgeinfer_converters.tflite.tensors import OptionValue, Quant

SIGMOID_INT8 = Quant.whole(1 / 256, -128)
"""The scale that the 8-bit kernels of LOGISTIC and SOFTMAX are specified with."""

TANH_INT8 = Quant.whole(1 / 128, 0)
"""And that of TANH's."""

_SELU_ALPHA, _SELU_GAMMA = 1.67326319217681884765625, 1.05070102214813232421875
"""The defaults of the standard."""


def unary(code: str, node: Node, at: Lowering) -> None:
    """A function that one kernel computes."""
    layout = at.layout(node.inputs[0])
    at.write(node.outputs[0], apply(at, code, at.read(node.inputs[0], layout)), layout)


def apply(at: Lowering, code: str, tensor: int, **options: OptionValue) -> int:
    """One kernel on one tensor; its result has the same shape and type."""
    found = at.graph.tensors[tensor]
    return at.add(code, [tensor], found.shape, found.dtype, **options)


def saturating(code: str, scale: Quant, node: Node, at: Lowering) -> None:
    """Sigmoid and Tanh: 8-bit kernels exist, with one fixed scale for the result."""
    layout = at.layout(node.inputs[0])
    if not at.is_integer(node):
        unary(code, node, at)
        return
    source = at.stored(node.inputs[0], layout)
    written = at.add(code, [source], at.graph.tensors[source].shape, "int8", scale)
    at.write(node.outputs[0], written, layout)


def relu(node: Node, at: Lowering) -> None:
    """Relu; of integers a maximum."""
    if at.dtype(node.inputs[0]).kind == "f":
        unary("RELU", node, at)
        return
    layout = at.layout(node.inputs[0])
    source = at.read(node.inputs[0], layout)
    at.write(node.outputs[0], _with_number(at, "MAXIMUM", source, 0), layout)


def clip(node: Node, at: Lowering) -> None:
    """Clip between numbers, which may be computed by the model."""
    layout = at.layout(node.inputs[0])
    source = at.read(node.inputs[0], layout)
    bounds = clamp_bounds(node.proto, at.view) if at.dtype(node.inputs[0]).kind == "f" else None
    if bounds in FUSED:
        at.write(node.outputs[0], apply(at, FUSED[bounds], source), layout)
        return
    for index, code in ((1, "MAXIMUM"), (2, "MINIMUM")):
        if node.input(index):
            bound = at.reshape(at.read(node.input(index)), (1,) * len(layout))
            source = combine(at, code, source, bound)
    at.write(node.outputs[0], source, layout)


def leaky_relu(node: Node, at: Lowering) -> None:
    """LeakyRelu."""
    layout = at.layout(node.inputs[0])
    alpha = node.real("alpha", 0.01)
    if at.is_integer(node):
        source, target = at.stored(node.inputs[0], layout), at.target(node.outputs[0])
        shape = at.graph.tensors[source].shape
        written = at.add("LEAKY_RELU", [source], shape, "int8", target, alpha=alpha)
    else:
        written = apply(at, "LEAKY_RELU", at.read(node.inputs[0], layout), alpha=alpha)
    at.write(node.outputs[0], written, layout)


def prelu(node: Node, at: Lowering) -> None:
    """PRelu as max(x, 0) + slope min(x, 0): PRELU itself broadcasts along the channels only."""
    name, slope = node.inputs[:2]
    layout = at.layout(name)
    rank = len(layout)
    source = at.read(name, layout)
    factor = at.read(slope)
    missing = rank - at.rank(slope)
    factor = at.transpose(at.reshape(factor, (*(1,) * missing, *at.shape(slope))), layout)
    shape = at.graph.tensors[factor].shape
    if rank in (3, 4) and layout == channels_last(rank) and set(shape[:-1]) <= {1}:
        alpha = at.reshape(factor, shape[1:])
        found = at.graph.tensors[source]
        at.write(node.outputs[0], at.add("PRELU", [source, alpha], found.shape, found.dtype), layout)
        return
    below = combine(at, "MUL", _with_number(at, "MINIMUM", source, 0), factor)
    above = _with_number(at, "MAXIMUM", source, 0)
    at.write(node.outputs[0], combine(at, "ADD", above, below), layout)


def softmax(node: Node, at: Lowering) -> None:
    """Softmax over one axis: TFLite's is over the last.

    XNNPACK takes that of floats only: the 8-bit one is for results that are wanted at its very scale.
    """
    in_8_bits = at.is_integer(node, node.inputs[0]) and at.target(node.outputs[0]) == SIGMOID_INT8
    _over_last(node, at, "SOFTMAX", SIGMOID_INT8 if in_8_bits else None, beta=1.0)


def log_softmax(node: Node, at: Lowering) -> None:
    """LogSoftmax over one axis."""
    _over_last(node, at, "LOG_SOFTMAX")


def hard_swish(node: Node, at: Lowering) -> None:
    """x min(max(x + 3, 0), 6) / 6."""
    unary("HARD_SWISH", node, at)


def hard_sigmoid(node: Node, at: Lowering) -> None:
    """min(max(alpha x + beta, 0), 1)."""
    layout = at.layout(node.inputs[0])
    source = _with_number(at, "MUL", at.read(node.inputs[0], layout), node.real("alpha", 0.2))
    source = _with_number(at, "ADD", source, node.real("beta", 0.5))
    source = _with_number(at, "MINIMUM", source, 1.0)
    at.write(node.outputs[0], _with_number(at, "MAXIMUM", source, 0.0), layout)


def reciprocal(node: Node, at: Lowering) -> None:
    """1 / x."""
    layout = at.layout(node.inputs[0])
    source = at.read(node.inputs[0], layout)
    one = at.const(np.ones((1,) * len(layout), np.float32))
    at.write(node.outputs[0], combine(at, "DIV", one, source), layout)


def elu(x: Term, node: Node) -> Term:
    """alpha (e^x - 1) below zero."""
    return _elu(x, node.real("alpha", 1.0))


def celu(x: Term, node: Node) -> Term:
    """alpha (e^(x / alpha) - 1) below zero."""
    alpha = node.real("alpha", 1.0)
    return x.apply("RELU") + (x.least(0) * (1.0 / alpha)).apply("ELU") * alpha


def selu(x: Term, node: Node) -> Term:
    """gamma times an Elu."""
    return _elu(x, node.real("alpha", _SELU_ALPHA)) * node.real("gamma", _SELU_GAMMA)


def softplus(x: Term, _: Node) -> Term:
    """log(1 + e^x)."""
    return _softplus(x)


def softsign(x: Term, _: Node) -> Term:
    """x / (1 + |x|)."""
    return x / (x.apply("ABS") + 1.0)


def mish(x: Term, _: Node) -> Term:
    """x tanh(softplus(x))."""
    return x * _softplus(x).apply("TANH")


def swish(x: Term, node: Node) -> Term:
    """x sigmoid(alpha x)."""
    alpha = node.real("alpha", 1.0)
    return x * (x if alpha == 1.0 else x * alpha).apply("LOGISTIC")


def thresholded_relu(x: Term, node: Node) -> Term:
    """x above alpha, else 0."""
    return (x > node.real("alpha", 1.0)).choose(x, 0)


def shrink(x: Term, node: Node) -> Term:
    """Towards zero by `bias`, and 0 from -lambd to lambd."""
    if x.dtype != "float32":
        raise UnsupportedError("its formula is one of floats")
    bias, limit = node.real("bias", 0.0), node.real("lambd", 0.5)
    return (x < -limit).choose(x + bias, (x > limit).choose(x - bias, 0))


def _elu(x: Term, alpha: float) -> Term:
    if alpha == 1.0:
        return x.apply("ELU")
    return x.apply("RELU") + x.least(0).apply("ELU") * alpha


def _softplus(x: Term) -> Term:
    """max(x, 0) + log(1 + e^-|x|)."""
    return x.apply("RELU") + ((-x.apply("ABS")).apply("EXP") + 1.0).apply("LOG")


def _over_last(
    node: Node, at: Lowering, code: str, quant: Quant | None = None, /, **options: OptionValue
) -> None:
    name = node.inputs[0]
    rank = at.rank(name)
    axis = node.integer("axis", -1) % max(rank, 1)
    layout = at.layout(name)
    if layout[-1] != axis:
        layout = (*(one for one in layout if one != axis), axis)
    if quant is None:
        written = apply(at, code, at.read(name, layout), **options)
    else:
        source = at.stored(name, layout)
        written = at.add(code, [source], at.graph.tensors[source].shape, "int8", quant, **options)
    at.write(node.outputs[0], written, layout)


def _with_number(at: Lowering, code: str, tensor: int, number: float) -> int:
    found = at.graph.tensors[tensor]
    other = at.const(np.full((1,) * len(found.shape), number, found.dtype))
    return combine(at, code, tensor, other)


OPERATORS: Table = {
    "Celu": partial(pointwise, celu),
    "Clip": clip,
    "Elu": partial(pointwise, elu),
    "HardSigmoid": hard_sigmoid,
    "HardSwish": hard_swish,
    "LeakyRelu": leaky_relu,
    "LogSoftmax": log_softmax,
    "Mish": partial(pointwise, mish),
    "PRelu": prelu,
    "Reciprocal": reciprocal,
    "Relu": relu,
    "Selu": partial(pointwise, selu),
    "Shrink": partial(pointwise, shrink),
    "Sigmoid": partial(saturating, "LOGISTIC", SIGMOID_INT8),
    "Softmax": softmax,
    "Softplus": partial(pointwise, softplus),
    "Softsign": partial(pointwise, softsign),
    "Swish": partial(pointwise, swish),
    "Tanh": partial(saturating, "TANH", TANH_INT8),
    "ThresholdedRelu": partial(pointwise, thresholded_relu),
}
