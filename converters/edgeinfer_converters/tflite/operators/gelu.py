"""Gelu, as an operator and as the five that exporters write for it before opset 20.

Source: torch.onnx, which writes x * (1 + erf(x / sqrt 2)) * 0.5, its factors in any order.
"""

from __future__ import annotations

from functools import partial
from math import isclose, sqrt

from edgeinfer_converters.tflite.lowering import Lowering, Table
from edgeinfer_converters.tflite.nodes import Node
from edgeinfer_converters.tflite.operators.arithmetic import binary
from edgeinfer_converters.tflite.operators.formulas import Term, pointwise

_PRECISION = 1e-4
"""How far the constants of half precision are off."""


def gelu(x: Term, node: Node) -> Term:
    """x times the normal distribution function, or the approximation of that with tanh."""
    return x.apply("GELU", approximate=node.text("approximate", "none") == "tanh")


def mul(node: Node, at: Lowering) -> None:
    """Mul; GELU where it is the last of Gelu's operators. The others then compute what nothing reads."""
    name = _operand(node, at)
    if name is None or at.is_integer(node):
        binary("MUL", node, at)
        return
    layout = at.layout(name)
    at.write(node.outputs[0], Term(at, at.read(name, layout)).apply("GELU", approximate=False).tensor, layout)


def _operand(node: Node, at: Lowering) -> str | None:
    """x, if a node computes x * (1 + erf(x / sqrt 2)) / 2."""
    factors = _factors(node, at)
    halves = [name for name in factors if _is_number(at, name, 0.5)]
    if len(factors) != 3 or len(halves) != 1:
        return None
    rest = [name for name in factors if name != halves[0]]
    for name, other in (rest, rest[::-1]):
        if _shifted_erf(other, at) == name and at.shape(name) == at.shape(node.outputs[0]):
            return name
    return None


def _factors(node: Node, at: Lowering) -> list[str]:
    """What a product of products multiplies."""
    found: list[str] = []
    for name in node.inputs:
        producer = at.view.producers.get(name)
        found += list(producer.input) if producer is not None and producer.op_type == "Mul" else [name]
    return found


def _shifted_erf(name: str, at: Lowering) -> str | None:
    """x, if a tensor is 1 + erf(x / sqrt 2)."""
    erf = _beside_number(name, "Add", 1.0, at)
    producer = at.view.producers.get(erf or "")
    if producer is None or producer.op_type != "Erf":
        return None
    scaled = producer.input[0]
    return _beside_number(scaled, "Div", sqrt(2.0), at) or _beside_number(scaled, "Mul", sqrt(0.5), at)


def _beside_number(name: str, kind: str, number: float, at: Lowering) -> str | None:
    """The operand of an operator whose other one is a number."""
    producer = at.view.producers.get(name)
    if producer is None or producer.op_type != kind:
        return None
    left, right = producer.input
    if _is_number(at, right, number):
        return str(left)
    return str(right) if kind != "Div" and _is_number(at, left, number) else None


def _is_number(at: Lowering, name: str, number: float) -> bool:
    values = at.facts.constant(name)
    return values is not None and values.size == 1 and isclose(values.item(), number, rel_tol=_PRECISION)


OPERATORS: Table = {"Gelu": partial(pointwise, gelu), "Mul": mul}
