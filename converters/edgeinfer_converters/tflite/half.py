"""Weights in float16: half the size, the same kernels.

LiteRT dequantizes them when the model is loaded and computes in float32; XNNPACK takes them as they are on
processors with float16 arithmetic.
"""

from __future__ import annotations

import numpy as np

from edgeinfer_converters.tflite.tensors import Graph, Operator, Tensor

LEAST_ELEMENTS = 64
"""Smaller constants save less than the operator that restores them costs."""


def with_half_weights(graph: Graph) -> Graph:
    """The same graph with its larger float32 constants as float16, each behind a DEQUANTIZE.

    Constants that float16 cannot hold stay as they are.
    """
    halved = Graph(list(graph.tensors), [], list(graph.inputs), list(graph.outputs))
    restored: dict[int, int] = {}
    for number, tensor in enumerate(graph.tensors):
        half = _half(tensor)
        if half is not None:
            halved.tensors.append(half)
            halved.tensors[number] = Tensor(tensor.name, tensor.shape, "float32")
            restored[number] = len(halved.tensors) - 1
    for operator in graph.operators:
        for number in operator.inputs:
            if number in restored:
                halved.operators.append(Operator("DEQUANTIZE", [restored.pop(number)], [number]))
        halved.operators.append(operator)
    return halved


def _half(tensor: Tensor) -> Tensor | None:
    if tensor.data is None or tensor.dtype != "float32" or tensor.size < LEAST_ELEMENTS:
        return None
    with np.errstate(over="ignore"):
        data = tensor.data.astype(np.float16)
    if not np.isfinite(data).all():
        return None
    return Tensor(f"{tensor.name}_half", tensor.shape, "float16", data)
