"""Normalizations over the last axis."""

from __future__ import annotations

from edgeinfer_converters.importers.tflite_graph.activations import finish
from edgeinfer_converters.importers.tflite_graph.layouts import prefers_planes
from edgeinfer_converters.importers.tflite_graph.step import Step, moved

_LEAST_NORM = 1e-6
"""tensorflow/lite/kernels/internal/reference/l2normalization.h"""


def softmax(step: Step) -> None:
    """exp(beta x) / sum of exp(beta x)."""
    planes, axis = _last_axis(step)
    name, beta = step.read(0, planes=planes), step.options.number("beta", 1.0)
    if beta != 1.0:
        name = step.emit("Mul", name, step.constant(beta, "float32"))
    step.write(step.emit("Softmax", name, axis=axis), planes=planes)


def log_softmax(step: Step) -> None:
    """x - log(sum of exp(x))."""
    planes, axis = _last_axis(step)
    step.write(step.emit("LogSoftmax", step.read(0, planes=planes), axis=axis), planes=planes)


def l2_normalization(step: Step) -> None:
    """x / max(sqrt(sum of x^2), 1e-6)."""
    planes, axis = _last_axis(step)
    x = step.read(0, planes=planes)
    norm = step.emit("ReduceL2", x, axes=[axis], keepdims=1)
    least = step.emit("Max", norm, step.constant(_LEAST_NORM, "float32"))
    finish(step, step.emit("Div", x, least), planes=planes)


def _last_axis(step: Step) -> tuple[bool, int]:
    """Whether to work in planes, and where the last axis lies then."""
    planes = prefers_planes(step, 0)
    return planes, moved(step.tensor(0).axis(-1), planes=planes)
