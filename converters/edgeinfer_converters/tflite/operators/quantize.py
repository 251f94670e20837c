"""QuantizeLinear and DequantizeLinear: mostly they only say in which type a tensor is stored."""

from __future__ import annotations

from edgeinfer_converters.tflite.lowering import Lowering, Table, Value
from edgeinfer_converters.tflite.nodes import Node
from edgeinfer_converters.tflite.operators import affine


def quantize_linear(node: Node, at: Lowering) -> None:
    """QuantizeLinear: nothing where the operator before it wrote integers, else QUANTIZE.

    Where others than DequantizeLinear read the integers: arithmetic.
    """
    name, result = node.inputs[0], node.outputs[0]
    quant = at.sites.stored.get(result)
    if quant is None:
        affine.quantize(node, at)
        return
    if name in at.unrounded or (name in at.values and at.quant(name) is not None):
        at.values[result] = at.values[name]
        return
    layout = at.layout(name)
    at.values[result] = Value(at.requantize(at.read(name, layout), quant), layout)


def dequantize_linear(node: Node, at: Lowering) -> None:
    """DequantizeLinear: the tensor stays stored in 8 bits until somebody needs floats."""
    name, result = node.inputs[0], node.outputs[0]
    if result in at.sites.constants:
        return
    quant = at.sites.stored.get(name)
    if quant is None:
        affine.dequantize(node, at)
        return
    value = at.values[name]
    if at.graph.tensors[value.tensor].dtype == "uint8":
        value = Value(at.requantize(value.tensor, quant), value.layout)
    at.values[result] = value


OPERATORS: Table = {"DequantizeLinear": dequantize_linear, "QuantizeLinear": quantize_linear}
