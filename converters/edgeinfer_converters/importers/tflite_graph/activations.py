"""Activation functions, alone and fused into other operators."""

from __future__ import annotations

import math

from ai_edge_litert.schema_py_generated import ActivationFunctionType

from edgeinfer_converters.importers.tflite_graph.layouts import prefers_planes
from edgeinfer_converters.importers.tflite_graph.parts import NoEqualError
from edgeinfer_converters.importers.tflite_graph.step import Step

_BOUNDS = {
    ActivationFunctionType.RELU_N1_TO_1: (-1.0, 1.0),
    ActivationFunctionType.RELU6: (0.0, 6.0),
}


def finish(step: Step, name: str, *, planes: bool = False) -> None:
    """Write the output behind the operator's fused activation."""
    step.write(fused(step, name), planes=planes)


def fused(step: Step, name: str) -> str:
    """A value behind the operator's fused activation."""
    number = step.options.whole("fusedActivationFunction")
    if number == ActivationFunctionType.NONE:
        return name
    if number == ActivationFunctionType.RELU:
        return step.emit("Relu", name)
    if number == ActivationFunctionType.TANH:
        return step.emit("Tanh", name)
    if number not in _BOUNDS:
        raise NoEqualError(f"its fused activation is number {number}")
    return _clip(step, name, *_BOUNDS[number])


def relu(step: Step) -> None:
    """max(x, 0)."""
    _apply(step, "Relu")


def relu6(step: Step) -> None:
    """min(max(x, 0), 6)."""
    _apply_clip(step, 0.0, 6.0)


def relu_n1_to_1(step: Step) -> None:
    """min(max(x, -1), 1)."""
    _apply_clip(step, -1.0, 1.0)


def relu_0_to_1(step: Step) -> None:
    """min(max(x, 0), 1)."""
    _apply_clip(step, 0.0, 1.0)


def logistic(step: Step) -> None:
    """1 / (1 + exp(-x))."""
    _apply(step, "Sigmoid")


def tanh(step: Step) -> None:
    """The hyperbolic tangent."""
    _apply(step, "Tanh")


def elu(step: Step) -> None:
    """x, below zero exp(x) - 1."""
    _apply(step, "Elu", alpha=1.0)


def leaky_relu(step: Step) -> None:
    """x, below zero alpha x."""
    _apply(step, "LeakyRelu", alpha=step.options.number("alpha"))


def prelu(step: Step) -> None:
    """x, below zero alpha x with an alpha for each channel or element."""
    planes = prefers_planes(step)
    name = step.emit("PRelu", step.read(0, planes=planes), step.read(1, planes=planes))
    step.write(name, planes=planes)


def hard_swish(step: Step) -> None:
    """x min(max(x + 3, 0), 6) / 6; as two operators, since opset 13 has no HardSwish."""
    planes = prefers_planes(step)
    x = step.read(0, planes=planes)
    gate = step.emit("HardSigmoid", x, alpha=1 / 6, beta=0.5)
    step.write(step.emit("Mul", x, gate), planes=planes)


def gelu(step: Step) -> None:
    """x times the normal distribution's integral up to x, or its approximation by tanh."""
    planes = prefers_planes(step)
    x = step.read(0, planes=planes)
    bell = _bell_by_tanh(step, x) if step.options.flag("approximate") else _bell(step, x)
    half = step.emit("Mul", x, step.constant(0.5, "float32"))
    step.write(step.emit("Mul", half, bell), planes=planes)


def _bell(step: Step, x: str) -> str:
    scaled = step.emit("Mul", x, step.constant(math.sqrt(0.5), "float32"))
    return step.emit("Add", step.emit("Erf", scaled), step.constant(1.0, "float32"))


def _bell_by_tanh(step: Step, x: str) -> str:
    cube = step.emit("Mul", step.emit("Mul", x, x), x)
    bent = step.emit("Add", x, step.emit("Mul", cube, step.constant(0.044715, "float32")))
    scaled = step.emit("Mul", bent, step.constant(math.sqrt(2 / math.pi), "float32"))
    return step.emit("Add", step.emit("Tanh", scaled), step.constant(1.0, "float32"))


def _apply(step: Step, kind: str, **attributes: float) -> None:
    planes = prefers_planes(step)
    step.write(step.emit(kind, step.read(0, planes=planes), **attributes), planes=planes)


def _apply_clip(step: Step, low: float, high: float) -> None:
    planes = prefers_planes(step)
    step.write(_clip(step, step.read(0, planes=planes), low, high), planes=planes)


def _clip(step: Step, name: str, low: float, high: float) -> str:
    return step.emit("Clip", name, step.constant(low, "float32"), step.constant(high, "float32"))
