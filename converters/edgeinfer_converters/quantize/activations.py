"""The function that follows a product: errors of the product count only as far as they come through it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import onnx

from edgeinfer.frames import Array
from edgeinfer_converters.graph.view import GraphView
from edgeinfer_converters.graph.walk import is_standard
from edgeinfer_converters.quantize.operators import clamp_bounds

SURE = 8.0
"""A sigmoid of more is within 0.0004 of 1, one of less than its negative of 0."""

Function = Callable[[Array], Array]


@dataclass(frozen=True)
class Activation:
    """A function of one number, and its derivative; both keep shape and dtype."""

    apply: Function
    slope: Function


def activation_behind(view: GraphView, name: str) -> Activation:
    """The function that all readers of a tensor make of it; the identity where it is not known."""
    readers = view.readers.get(name, ())
    if name in view.outputs:
        return IDENTITY
    if len(readers) == 1 and readers[0].op_type == "Sigmoid" and is_standard(readers[0]):
        return SIGMOID
    if len(readers) == 1:
        bounds = clamp_bounds(readers[0], view)
        return IDENTITY if bounds is None else clamp(*bounds)
    return SILU if is_silu(view, name) else IDENTITY


def is_silu(view: GraphView, name: str) -> bool:
    """Whether a tensor is read as x * sigmoid(x), and in no other way."""
    readers = view.readers.get(name, ())
    if len(readers) != 2 or name in view.outputs or not all(map(is_standard, readers)):
        return False
    by_type: dict[str, onnx.NodeProto] = {node.op_type: node for node in readers}
    if set(by_type) != {"Mul", "Sigmoid"}:
        return False
    gate = by_type["Sigmoid"].output[0]
    return view.is_private(gate) and set(by_type["Mul"].input) == {name, gate}


def clamp(low: float | None, high: float | None) -> Activation:
    """Relu and Clip; None for an open bound."""
    least, most = -np.inf if low is None else low, np.inf if high is None else high
    return Activation(
        lambda values: np.clip(values, least, most),
        lambda values: ((values > least) & (values < most)).astype(values.dtype),
    )


def _gate(values: Array) -> Array:
    return np.asarray(0.5 * (1 + np.tanh(0.5 * values)), values.dtype)


IDENTITY = Activation(lambda values: values, np.ones_like)
SIGMOID = Activation(_gate, lambda values: _gate(values) * (1 - _gate(values)))
SILU = Activation(
    lambda values: values * _gate(values),
    lambda values: _gate(values) * (1 + values * (1 - _gate(values))),
)
