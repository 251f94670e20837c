"""What is computed in integers and what in float, and why."""

from __future__ import annotations

from collections.abc import Mapping

import onnx

from edgeinfer_converters.graph.macs import count_macs
from edgeinfer_converters.graph.memory import peak_activation_bytes
from edgeinfer_converters.graph.view import GraphView
from edgeinfer_converters.quantize.share import INTEGER_KERNELS
from edgeinfer_converters.report.facts import FloatNode, KernelCount

CONVERSIONS = frozenset({"DequantizeLinear", "DynamicQuantizeLinear", "QuantizeLinear"})


def kernel_counts(kernels: Mapping[str, int]) -> tuple[KernelCount, ...]:
    """The runtime's operators with their kind, integer ones first."""
    order = ("integer", "conversion", "other")
    found = [KernelCount(operator=name, count=count, kind=_kind(name)) for name, count in kernels.items()]
    return tuple(sorted(found, key=lambda one: (order.index(one.kind), -one.count, one.operator)))


def float_nodes(model: onnx.ModelProto, names: tuple[str, ...]) -> tuple[FloatNode, ...]:
    """The products of a quantized graph that run in float, with the reason that the graph shows."""
    view = GraphView(model)
    macs = count_macs(model)
    total = sum(macs.values()) or 1
    wanted = frozenset(names)
    return tuple(
        FloatNode(
            name=node.name,
            operator=node.op_type,
            macs_share=float(f"{macs.get(node.name, 0) / total:.4g}"),
            reason=_reason(node, view),
        )
        for node in view.nodes
        if node.name in wanted
    )


def stored_widths(model: onnx.ModelProto) -> dict[str, int]:
    """Bytes of an element, as kernels keep the tensors around QuantizeLinear and DequantizeLinear.

    What the file has as floats behind a DequantizeLinear is there in its integers only, until its last reader
    is done. What a QuantizeLinear alone reads is never written as floats. Constants are no activations.
    """
    view = GraphView(model)
    widths: dict[str, int] = {}
    for node in view.nodes:
        if node.op_type == "QuantizeLinear":
            fused = view.is_private(node.input[0]) and node.input[0] not in view.inputs
            widths[node.output[0]] = 0 if fused else 1
            if fused:
                widths[node.input[0]] = 0
        if node.op_type == "DequantizeLinear" and node.output[0] not in view.outputs:
            widths[node.output[0]] = 0 if node.input[0] in view.initializers else 1
    return widths


def stored_bytes(model: onnx.ModelProto) -> int:
    """The most bytes of activations at a time, of a float or a QDQ graph. Shapes must have been inferred."""
    return peak_activation_bytes(model, widths=stored_widths(model))


def _kind(operator: str) -> str:
    if operator in CONVERSIONS:
        return "conversion"
    return "integer" if operator.startswith("QLinear") or operator in INTEGER_KERNELS else "other"


def _reason(node: onnx.NodeProto, view: GraphView) -> str:
    quantized = [name for name in node.input[:2] if _is_dequantized(name, view)]
    if len(quantized) == 2:  # both operands of a product
        return "its operands are stored in 8 bits, but the runtime has no integer kernel for it here"
    if quantized:
        return "only one of its operands is stored in 8 bits"
    return "kept in float by the converter: see the decisions"


def _is_dequantized(name: str, view: GraphView) -> bool:
    producer = view.producers.get(name)
    return producer is not None and producer.op_type == "DequantizeLinear"
