"""Element by element: sums, products, powers and functions of one number."""

from __future__ import annotations

from collections.abc import Callable

from edgeinfer_converters.importers.tflite_graph.activations import finish
from edgeinfer_converters.importers.tflite_graph.layouts import prefers_planes
from edgeinfer_converters.importers.tflite_graph.step import Step

Convert = Callable[[Step], None]


def unary(kind: str) -> Convert:
    """A function of one number that ONNX has under this name."""

    def convert(step: Step) -> None:
        planes = prefers_planes(step)
        step.write(step.emit(kind, step.read(0, planes=planes)), planes=planes)

    return convert


def binary(kind: str) -> Convert:
    """A function of two numbers, broadcast, that ONNX has under this name; with a fused activation."""

    def convert(step: Step) -> None:
        left, right, planes = operands(step)
        finish(step, step.emit(kind, left, right), planes=planes)

    return convert


def operands(step: Step) -> tuple[str, str, bool]:
    """Both inputs in one layout, and whether it is planes."""
    planes = prefers_planes(step, 0, 1)
    return step.read(0, planes=planes), step.read(1, planes=planes), planes


def add_n(step: Step) -> None:
    """The sum of all inputs."""
    planes = prefers_planes(step)
    names = [step.read(place, planes=planes) for place in range(len(step.operator.inputs))]
    step.write(step.emit("Sum", *names), planes=planes)


def squared_difference(step: Step) -> None:
    """(x - y)^2."""
    left, right, planes = operands(step)
    difference = step.emit("Sub", left, right)
    step.write(step.emit("Mul", difference, difference), planes=planes)


def floor_div(step: Step) -> None:
    """The quotient, rounded down."""
    left, right, planes = operands(step)
    if step.out().kind.startswith("FLOAT"):
        step.write(step.emit("Floor", step.emit("Div", left, right)), planes=planes)
        return
    # ONNX leaves open how integers are rounded; what Mod leaves has the divisor's sign.
    rest = step.emit("Mod", left, right)
    step.write(step.emit("Div", step.emit("Sub", left, rest), right), planes=planes)


def floor_mod(step: Step) -> None:
    """What is left of rounding the quotient down; it has the divisor's sign."""
    left, right, planes = operands(step)
    if not step.out().kind.startswith("FLOAT"):
        step.write(step.emit("Mod", left, right), planes=planes)
        return
    rest = step.emit("Mod", left, right, fmod=1)
    again = step.emit("Mod", step.emit("Add", rest, right), right, fmod=1)
    step.write(again, planes=planes)


def square(step: Step) -> None:
    """x^2."""
    planes = prefers_planes(step)
    x = step.read(0, planes=planes)
    step.write(step.emit("Mul", x, x), planes=planes)


def rsqrt(step: Step) -> None:
    """1 / sqrt(x)."""
    planes = prefers_planes(step)
    root = step.emit("Sqrt", step.read(0, planes=planes))
    step.write(step.emit("Reciprocal", root), planes=planes)
