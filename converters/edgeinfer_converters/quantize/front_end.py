"""The part of a network for sound or vibration that makes a spectrum of the raw signal.

Transforms, filter banks and constant-Q filters are products like any other, but what follows takes roots or
logarithms of them. There a quiet tone counts as much as a loud one, which is a thousand times larger: 8 bits
for the signal or for the products leave nothing of it.
"""

from __future__ import annotations

import onnx

from edgeinfer_converters.graph.formulas import is_pointwise
from edgeinfer_converters.graph.macs import count_macs
from edgeinfer_converters.graph.view import GraphView
from edgeinfer_converters.graph.walk import is_standard
from edgeinfer_converters.quantize.operators import CLAMPS, PRODUCTS, is_move

MAX_SHARE = 0.75
"""Of all multiply-accumulates: a network that is little else is no network behind a spectrum."""

MAX_STEPS = 1
"""Roots and logarithms before a product: magnitudes go through a filter bank, their logarithms do not."""

_TRANSFORMS = frozenset({"DFT", "STFT"})
_LINEAR = frozenset({"Add", "Concat", "Div", "Identity", "Mul", "Neg", "Pad", "ReduceSum", "Sub"})
_CLAMPS = CLAMPS | {"Abs", "Max"}
"""What keeps logarithms of small numbers finite."""
_REDUCTIONS = frozenset({"ReduceMax", "ReduceMean", "ReduceMin", "ReduceSum"})


def front_end(view: GraphView) -> frozenset[str]:
    """The names of the products between the inputs and the roots or logarithms that alone they lead to."""
    found = _between(view, _leading_to_spectra(view))
    if not found:
        return found
    macs = count_macs(view.model)
    part = sum(macs.get(name, 0) for name in found)
    return found if part <= MAX_SHARE * sum(macs.values()) else frozenset()


def _between(view: GraphView, leading: set[str]) -> frozenset[str]:
    """The products with constant weights that lead to spectra, with no other products before them."""
    found = set[str]()
    steps = dict.fromkeys(view.inputs, 0)
    for node in view.nodes:
        data = [name for name in node.input if name and name not in view.initializers]
        if not data or not steps.keys() >= {*data}:
            continue
        taken = max(steps[name] for name in data)
        if node.op_type in PRODUCTS:
            if len(data) == 1 and node.output[0] in leading and taken <= MAX_STEPS:
                found.add(node.name)
                steps |= dict.fromkeys(node.output, taken)
        elif _keeps_signal(node):
            steps |= dict.fromkeys(node.output, taken + _compresses(node, view))
    return frozenset(found)


def _keeps_signal(node: onnx.NodeProto) -> bool:
    is_other = is_standard(node) and node.op_type in _LINEAR | _REDUCTIONS | _TRANSFORMS
    return is_pointwise(node) or is_move(node) or is_other


def _leading_to_spectra(view: GraphView) -> set[str]:
    """The tensors of which only roots and logarithms are made: by linear operators, and squares."""
    leading, clampable = set[str](), set[str]()
    for node in reversed(view.nodes):
        for name in node.output:
            readers = view.readers.get(name, ())
            if name in view.outputs or not readers:
                continue
            if all(_compresses(one, view) or _moves_to(one, clampable) for one in readers):
                clampable.add(name)
            if all(_leads(one, name, leading, clampable, view) for one in readers):
                leading.add(name)
    return leading


def _moves_to(node: onnx.NodeProto, names: set[str]) -> bool:
    return is_move(node) and names.issuperset(node.output)


def _leads(node: onnx.NodeProto, name: str, leading: set[str], clampable: set[str], view: GraphView) -> bool:
    if not is_standard(node):
        return False
    if _compresses(node, view) or node.op_type in _TRANSFORMS:
        return True
    if _squares(node, view):
        return node.output[0] in leading
    others = {one for one in node.input if one and one != name}
    if node.op_type in PRODUCTS:
        return node.input[0] == name and others <= view.initializers.keys() and node.output[0] in leading
    if node.op_type in _CLAMPS:
        return clampable.issuperset(node.output)
    is_scaling = node.op_type not in ("Div", "Mul") or others <= view.initializers.keys()
    read = [one for one in node.output if view.readers.get(one)]
    return (node.op_type in _LINEAR or is_move(node)) and is_scaling and leading.issuperset(read)


def _compresses(node: onnx.NodeProto, view: GraphView) -> bool:
    """Whether a node is a logarithm or a root."""
    if not is_standard(node):
        return False
    return node.op_type in ("Log", "Sqrt") or (node.op_type == "Pow" and 0 < _exponent(node, view) < 1)


def _squares(node: onnx.NodeProto, view: GraphView) -> bool:
    if node.op_type == "Pow":
        return _exponent(node, view) == 2
    return node.op_type == "Mul" and node.input[0] == node.input[1]


def _exponent(node: onnx.NodeProto, view: GraphView) -> float:
    """That of a Pow with the same one everywhere; 0 for others."""
    name = node.input[1]
    if name not in view.initializers or view.constant(name).size != 1:
        return 0.0
    return float(view.constant(name).item())
