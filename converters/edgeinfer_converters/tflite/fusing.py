"""Activations that a TFLite kernel applies to its result."""

from __future__ import annotations

from edgeinfer_converters.quantize.affine import Affine, Form, clamps_like
from edgeinfer_converters.quantize.operators import clamp_bounds
from edgeinfer_converters.tflite.lowering import Lowering
from edgeinfer_converters.tflite.nodes import Node
from edgeinfer_converters.tflite.weights import Product, integer_product

NONE = "NONE"

_FORM = Form("int8", symmetric=False)

FUSED = {(0.0, None): "RELU", (0.0, 6.0): "RELU6", (-1.0, 1.0): "RELU_N1_TO_1"}
"""Activations by the bounds of their result."""


def fuse_activation(node: Node, at: Lowering) -> tuple[str, str]:
    """The activation that follows a node and can be part of it, and the name of the result behind it."""
    result = node.outputs[0]
    if not at.view.is_private(result) or at.target(result) is not None:
        return NONE, result
    reader = at.view.readers[result][0]
    bounds = clamp_bounds(reader, at.view) if reader.input[0] == result else None
    if bounds not in FUSED:
        return NONE, result
    at.fused.add(reader.name)
    at.facts.types[reader.output[0]] = at.facts.types[result]
    return FUSED[bounds], str(reader.output[0])


def saturated(node: Node, at: Lowering, result: str) -> tuple[Product, str] | None:
    """The integer product whose saturation is the Clip behind a node, and the name of the result behind it.

    None where there is no such Clip, or no integers. Float results of the product must be clamped, see
    `finer.write_dynamic`.
    """
    if not at.view.is_private(result) or at.target(result) is not None:
        return None
    reader = at.view.readers[result][0]
    bounds = clamp_bounds(reader, at.view) if reader.input[0] == result else None
    behind = str(reader.output[0])
    target = at.target(behind)
    product = integer_product(node, at, behind)
    if bounds is None or target is None or product is None:
        return None
    if not clamps_like(Affine(target.scales[0], target.zero_points[0], _FORM), *bounds):
        return None
    at.fused.add(reader.name)
    at.clamped.add(behind)
    at.facts.types[behind] = at.facts.types[result]
    return product, behind
