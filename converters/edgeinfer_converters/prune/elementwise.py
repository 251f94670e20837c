"""Operators that work number by number: channels stay where they are, and those that meet go together."""

from __future__ import annotations

import onnx

from edgeinfer_converters.graph.shapes import Shape
from edgeinfer_converters.prune.flow import Flow, Role, Stretch

UNARY = frozenset(
    {
        *("Abs", "Acos", "Acosh", "Asin", "Asinh", "Atan", "Atanh", "Cast", "Ceil", "Celu", "Clip", "Cos"),
        *("Cosh", "Dropout", "Elu", "Erf", "Exp", "Floor", "Gelu", "HardSigmoid", "HardSwish", "Identity"),
        *("IsInf", "IsNaN", "LeakyRelu", "Log", "Mish", "Neg", "Not", "Reciprocal", "Relu", "Round", "Selu"),
        *("Shrink", "Sigmoid", "Sign", "Sin", "Sinh", "Softplus", "Softsign", "Sqrt", "Swish", "Tan"),
        *("Tanh", "ThresholdedRelu"),
    }
)
"""Further inputs of these are single numbers, which no selection can take away."""

BINARY = frozenset(
    {
        *("Add", "And", "Div", "Equal", "Greater", "GreaterOrEqual", "Less", "LessOrEqual", "Max", "Mean"),
        *("Min", "Mod", "Mul", "Or", "PRelu", "Pow", "Sub", "Sum", "Where", "Xor"),
    }
)
"""These broadcast all of their inputs to a common shape."""


def unary(node: onnx.NodeProto, flow: Flow) -> str | None:
    """The result has the channels of the first input."""
    source = flow.at(node.input[0])
    if len([name for name in node.output if name]) > 1:
        return "it has more than one result"
    if source is not None:
        flow.put(node.output[0], source.axis, source.ids)
    return None


def broadcast(node: onnx.NodeProto, flow: Flow) -> str | None:
    """Channels of all inputs that have them are tied; constants with a number a channel are cut with them.

    An input whose single channel is spread over those of the others keeps it.
    """
    result = flow.shape(node.output[0])
    sources = [source for name in dict.fromkeys(node.input) if (source := flow.at(name))]
    if not sources:
        return None
    if result is None or any(flow.shape(name) is None for name in node.input):
        return "its shape is not known"
    whole = [source for source in sources if len(source.ids) == result[_place(source, flow, result)]]
    axes = {_place(source, flow, result) for source in whole}
    if len(axes) != 1:
        return "the channels of its inputs lie on different axes" if axes else "it spreads single channels"
    axis = axes.pop()
    for name in dict.fromkeys(node.input):
        size = _size(flow.view.shapes[name], axis, len(result))
        if size > 1 and flow.at(name) not in whole and not flow.is_constant(name):
            return f"it meets `{name}`, whose channels are fixed"
    for source in sources:
        if source not in whole:
            flow.freeze(source.tensor, f"{node.op_type} `{node.name}`: it is spread over other channels")
    _tie(node, flow, whole, axis, result[axis])
    return None


def _place(source: Stretch, flow: Flow, result: Shape) -> int:
    """The axis of the result on which an input has its channels."""
    return source.axis + len(result) - len(flow.view.shapes[source.tensor])


def _tie(node: onnx.NodeProto, flow: Flow, sources: list[Stretch], axis: int, size: int) -> None:
    first, rank = sources[0], len(flow.view.shapes[node.output[0]])
    for other in sources[1:]:
        flow.unite(first.ids, other.ids, f"{node.op_type} `{node.name}`: it meets channels that are fixed")
    target = flow.put(node.output[0], axis, first.ids)
    constants = [
        Stretch(name, axis - rank + len(flow.view.shapes[name]), first.ids)
        for name in dict.fromkeys(node.input)
        if flow.is_constant(name) and size > 1 and _size(flow.view.shapes[name], axis, rank) == size
    ]
    if constants:
        flow.record(Role.CARRIER, node, target, constants)


def _size(shape: Shape, axis: int, rank: int) -> int:
    """The size of an input along an axis of the result; 1 where it is spread."""
    own = axis - rank + len(shape)
    return shape[own] if own >= 0 else 1
