"""The part of a network for sound or vibration that makes a spectrum of the raw signal.

Transforms, filter banks and constant-Q filters are products like any other, but what follows takes their
squares or logarithms. There a quiet tone counts as much as a loud one, which is a thousand times larger:
8 bits for the signal or for the products leave nothing of it.
"""

from __future__ import annotations

import onnx

from edgeinfer_converters.graph.formulas import is_pointwise
from edgeinfer_converters.graph.macs import macs_of
from edgeinfer_converters.graph.view import GraphView
from edgeinfer_converters.graph.walk import is_standard
from edgeinfer_converters.quantize.operators import CLAMPS, PRODUCTS, is_move

MAX_SHARE = 0.75
"""Of all multiply-accumulates: a network that is little else is no network behind a spectrum."""

_SPECTRAL = frozenset({"DFT", "Log", "Pow", "STFT", "Sqrt"})
_LINEAR = frozenset({"Add", "Concat", "Div", "Identity", "Mul", "Neg", "Pad", "ReduceSum", "Sub"})
_CLAMPS = CLAMPS | {"Abs", "Max"}
"""What keeps logarithms of small numbers finite."""
_REDUCTIONS = frozenset({"ReduceMax", "ReduceMean", "ReduceMin", "ReduceSum"})


def front_end(view: GraphView) -> frozenset[str]:
    """The names of the products between the inputs and the squares or logarithms that alone they lead to."""
    found = _between(view, _leading_to_spectra(view))
    macs = {node.name: macs_of(node, view.shapes) or 0 for node in view.nodes if node.op_type in PRODUCTS}
    part = sum(macs[name] for name in found)
    return found if part <= MAX_SHARE * sum(macs.values()) else frozenset()


def _between(view: GraphView, leading: set[str]) -> frozenset[str]:
    """The products with constant weights that lead to spectra and have no other product before them."""
    found, raw = set[str](), {*view.inputs}
    for node in view.nodes:
        data = [name for name in node.input if name and name not in view.initializers]
        if not data or not raw.issuperset(data):
            continue
        if node.op_type in PRODUCTS:
            if len(data) == 1 and node.output[0] in leading:
                found.add(node.name)
                raw.update(node.output)
        elif _keeps_signal(node):
            raw.update(node.output)
    return frozenset(found)


def _keeps_signal(node: onnx.NodeProto) -> bool:
    others = is_standard(node) and node.op_type in _LINEAR | _REDUCTIONS | _SPECTRAL
    return is_pointwise(node) or is_move(node) or others


def _leading_to_spectra(view: GraphView) -> set[str]:
    """The tensors of which only spectra are made, by linear operators."""
    leading, clamped = set[str](), set[str]()
    for node in reversed(view.nodes):
        for name in node.output:
            readers = view.readers.get(name, ())
            if name in view.outputs or not readers:
                continue
            if all(_is_spectral(one) or (is_move(one) and clamped.issuperset(one.output)) for one in readers):
                clamped.add(name)
            if all(_leads(one, name, leading, clamped, view) for one in readers):
                leading.add(name)
    return leading


def _leads(node: onnx.NodeProto, name: str, leading: set[str], clamped: set[str], view: GraphView) -> bool:
    if _is_spectral(node):
        return True
    if not is_standard(node):
        return False
    others = {one for one in node.input if one and one != name}
    if node.op_type in PRODUCTS:
        return node.input[0] == name and others <= view.initializers.keys() and node.output[0] in leading
    if node.op_type in _CLAMPS:
        return clamped.issuperset(node.output)
    is_scaling = node.op_type not in ("Div", "Mul") or others <= view.initializers.keys()
    read = [one for one in node.output if view.readers.get(one)]
    return (node.op_type in _LINEAR or is_move(node)) and is_scaling and leading.issuperset(read)


def _is_spectral(node: onnx.NodeProto) -> bool:
    is_square = node.op_type == "Mul" and node.input[0] == node.input[1]
    return is_standard(node) and (is_square or node.op_type in _SPECTRAL)
