"""Arithmetic that 8 bits are no use for: it stays float, from the last integer tensor to the next.

- Functions of one tensor with an operator that has no integer kernel (Gelu by Erf or Tanh, Mish by Softplus
  and Tanh): rounding what lies within costs accuracy and saves nothing.
- Products that make a spectrum of the raw signal, see `front_end`.
- Normalization by what the numbers are like (mean, variance, norm), magnitudes of spectra: squares,
  roots, reciprocals, powers, exponentials and logarithms reach over more orders of magnitude than 255 steps
  do. Everything number by number behind them counts too, up to the next product, and what only they read.

Softmax and the like, of limited range, are operators of their own and no matter here.
"""

from __future__ import annotations

import onnx

from edgeinfer_converters.graph.formulas import find_formulas, is_pointwise
from edgeinfer_converters.graph.view import GraphView
from edgeinfer_converters.graph.walk import is_standard
from edgeinfer_converters.quantize.front_end import front_end
from edgeinfer_converters.quantize.operators import CLAMPS, COMPUTES, is_move

_WIDE = frozenset(
    {
        *("DFT", "Exp", "GroupNormalization", "InstanceNormalization", "LayerNormalization", "Log"),
        *("LpNormalization", "MeanVarianceNormalization", "Pow", "Reciprocal", "RMSNormalization", "STFT"),
        "Sqrt",
    }
)
"""Operators whose results are of another order of magnitude than their operands, or hold such inside."""

_REDUCTIONS = frozenset(
    {
        *("GlobalAveragePool", "GlobalMaxPool", "ReduceL1", "ReduceL2", "ReduceLogSum", "ReduceLogSumExp"),
        *("ReduceMax", "ReduceMean", "ReduceMin", "ReduceProd", "ReduceSum", "ReduceSumSquare"),
    }
)


def float_math(view: GraphView) -> frozenset[str]:
    """The names of the operators that stay float for the sake of accuracy, `front_end` included."""
    return _formulas(view) | _wide(view)


def _formulas(view: GraphView) -> frozenset[str]:
    integer = COMPUTES | CLAMPS
    return frozenset(
        node.name
        for formula in find_formulas(view)
        if not formula.operators <= integer
        for node in formula.nodes
    )


def _wide(view: GraphView) -> frozenset[str]:
    found = {node.name for node in view.nodes if _is_wide(node, view)} | front_end(view)
    tensors = {name for node in view.nodes if node.name in found for name in node.output}
    for node in view.nodes:
        if (_goes_on(node) and tensors.intersection(node.input)) or _joins(node, tensors, view):
            tensors.update(node.output)
            found.add(node.name)
    for node in reversed(view.nodes):
        if node.name not in found and _goes_on(node) and _is_only_for(found, node, view):
            found.add(node.name)
    return frozenset(found - _last_moves(found, view))


def _last_moves(found: set[str], view: GraphView) -> set[str]:
    """Moves behind which nothing is computed in float: 8 bits are moved faster."""
    last: set[str] = set()
    for node in reversed(view.nodes):
        readers = [reader.name for name in node.output for reader in view.readers.get(name, ())]
        if node.name in found and is_move(node) and not found.difference(last).intersection(readers):
            last.add(node.name)
    return last


def _goes_on(node: onnx.NodeProto) -> bool:
    reduces = node.op_type in _REDUCTIONS and is_standard(node)
    return is_pointwise(node) or reduces or is_move(node)


def _joins(node: onnx.NodeProto, tensors: set[str], view: GraphView) -> bool:
    """Whether everything that a node joins is float anyway."""
    return (
        node.op_type == "Concat"
        and is_standard(node)
        and tensors.issuperset({*node.input} - view.initializers.keys())
    )


def _is_wide(node: onnx.NodeProto, view: GraphView) -> bool:
    if not is_standard(node) or not any(name in view.floats for name in node.output):
        return False
    if node.op_type == "Div":
        return node.input[1] not in view.initializers
    is_square = node.op_type == "Mul" and node.input[0] == node.input[1]
    return is_square or node.op_type in _WIDE


def _is_only_for(found: set[str], node: onnx.NodeProto, view: GraphView) -> bool:
    return all(
        name not in view.outputs
        and bool(view.readers.get(name))
        and all(reader.name in found for reader in view.readers[name])
        for name in node.output
        if name
    )
