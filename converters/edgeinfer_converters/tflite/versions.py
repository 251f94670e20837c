"""The version of an operator: what the oldest runtime must know to run it.

Source: tensorflow/lite/tools/versioning/op_version.cc (GetBuiltinOperatorVersion).
"""

from __future__ import annotations

from edgeinfer_converters.tflite.tensors import Graph, Operator

_FIRST = {"BROADCAST_TO": 2}
"""The oldest version that runtimes register, where it is not 1."""

_INT8 = {
    "ADD": 2,
    "AVERAGE_POOL_2D": 2,
    "BATCH_MATMUL": 2,
    "CONCATENATION": 2,
    "CONV_2D": 3,
    "DEPTHWISE_CONV_2D": 3,
    "DEPTH_TO_SPACE": 2,
    "DEQUANTIZE": 2,
    "FULLY_CONNECTED": 4,
    "GATHER": 2,
    "LOGISTIC": 2,
    "LEAKY_RELU": 2,
    "MAX_POOL_2D": 2,
    "MAXIMUM": 2,
    "MEAN": 2,
    "MINIMUM": 2,
    "MUL": 2,
    "PAD": 2,
    "PADV2": 2,
    "QUANTIZE": 1,
    "RELU": 2,
    "RELU6": 2,
    "RESIZE_BILINEAR": 2,
    "RESIZE_NEAREST_NEIGHBOR": 2,
    "SLICE": 2,
    "SOFTMAX": 2,
    "SPACE_TO_DEPTH": 2,
    "SPLIT": 2,
    "STRIDED_SLICE": 2,
    "SUB": 2,
    "SUM": 2,
    "TANH": 2,
    "TILE": 1,
    "TRANSPOSE": 2,
}
"""The version that brought int8."""

_FIRST = {"BROADCAST_TO": 2}
"""Operators whose first versions were never built in."""


def version_of(operator: Operator, graph: Graph) -> int:
    """The version of an operator in a graph."""
    if operator.code == "TRANSPOSE_CONV":
        return 3 if operator.options["fusedActivationFunction"] == "NONE" else 4
    data = operator.inputs[1:2] if operator.code == "SPLIT" else operator.inputs[:1]
    kinds = {graph.tensors[number].dtype for number in data if number >= 0}
    first = _FIRST.get(operator.code, 1)
    return max(first, _INT8.get(operator.code, 1)) if "int8" in kinds else first
