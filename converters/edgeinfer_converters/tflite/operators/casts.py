"""Casts between element types.

Floats become integers by cutting off decimals. What lies outside the integers' range is undefined in ONNX;
TFLite saturates, and integers of 8 and 16 bits then keep the lowest bits, as cast integers do in both.
"""

from __future__ import annotations

from edgeinfer_converters.tflite.faults import UnsupportedError
from edgeinfer_converters.tflite.kernels import TYPES
from edgeinfer_converters.tflite.lowering import Lowering, Table
from edgeinfer_converters.tflite.nodes import Node


def cast(node: Node, at: Lowering) -> None:
    """Cast and CastLike: the result's type says it all."""
    name, result = node.inputs[0], node.outputs[0]
    for dtype in (at.facts.dtype(name), at.facts.dtype(result)):
        if dtype.name not in TYPES["CAST"]:
            raise UnsupportedError(f"TFLite does not cast {dtype.name}")
    layout = at.layout(name)
    at.write(result, at.cast(at.read(name, layout), at.dtype(result)), layout)


OPERATORS: Table = {"Cast": cast, "CastLike": cast}
