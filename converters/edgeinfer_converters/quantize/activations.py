"""The function that follows a product: errors of the product count only as far as they come through it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import onnx
from onnx import helper, numpy_helper

from edgeinfer.frames import Array
from edgeinfer_converters.graph.formulas import Formula, formula_of
from edgeinfer_converters.graph.view import GraphView
from edgeinfer_converters.graph.walk import is_standard
from edgeinfer_converters.quantize.execution import open_session, run_session
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
    bounds = clamp_bounds(readers[0], view) if len(readers) == 1 else None
    if bounds is not None:
        return clamp(*bounds)
    if is_silu(view, name):
        return SILU
    formula = formula_of(view, name)
    if formula is None or any(one not in formula.nodes for one in readers):
        return IDENTITY
    return IDENTITY if any(_is_steep(node, view) for node in formula.nodes) else computed(formula, view)


def _is_steep(node: onnx.NodeProto, view: GraphView) -> bool:
    """Whether an operator has no bound for its slope, or no value everywhere: what errors become behind it is
    decided by the few values where it is steepest."""
    if node.op_type == "Div":
        return node.input[1] not in view.initializers
    return node.op_type in ("Exp", "Log", "Pow", "Reciprocal", "Sqrt")


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


def computed(formula: Formula, view: GraphView) -> Activation:
    """A function that several operators compute, or one that is rare: by running them."""
    run = _runner(_as_model(formula, view))

    def apply(values: Array) -> Array:
        return np.asarray(run(values), values.dtype)

    def slope(values: Array) -> Array:
        # Half of the steps between 8-bit numbers that reach as far.
        step = np.abs(values).max(initial=0.0) / 256 or 1.0
        return np.asarray((run(values + step) - run(values - step)) / (2 * step), values.dtype)

    return Activation(apply, slope)


def _as_model(formula: Formula, view: GraphView) -> bytes:
    """A model of the formula alone, on any number of values."""
    names = {name for node in formula.nodes for name in node.input}
    constants = [
        numpy_helper.from_array(view.constant(name).reshape(()), name)
        for name in sorted(names & view.initializers.keys())
    ]
    ends = [
        helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, ["values"])
        for name in (formula.source, formula.target)
    ]
    graph = helper.make_graph(formula.nodes, "formula", ends[:1], ends[1:], constants)
    model = helper.make_model(graph, opset_imports=view.model.opset_import)
    model.ir_version = view.model.ir_version
    return bytes(model.SerializeToString(deterministic=True))


@lru_cache(maxsize=64)
def _runner(model: bytes) -> Callable[[Array], Array]:
    session = open_session(model, pooled=False)
    (source,), (target,) = session.get_inputs(), session.get_outputs()

    def run(values: Array) -> Array:
        flat = values.astype(np.float32).reshape(-1)
        (result,) = run_session(session, [target.name], {source.name: flat}, source.name)
        return np.nan_to_num(result).reshape(values.shape)

    return run


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
