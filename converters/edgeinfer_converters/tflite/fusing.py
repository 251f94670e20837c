"""Activations that a TFLite kernel applies to its result."""

from __future__ import annotations

from edgeinfer_converters.quantize.operators import clamp_bounds
from edgeinfer_converters.tflite.lowering import Lowering
from edgeinfer_converters.tflite.nodes import Node

NONE = "NONE"

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
