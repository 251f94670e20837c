"""How much of a file's arithmetic is integer."""

from __future__ import annotations

from dataclasses import dataclass
from math import prod

from edgeinfer_converters.tflite.tensors import Graph, Operator


@dataclass(frozen=True)
class Work:
    """Multiply-accumulates of an inference. `floats`: results of the products that compute with floats."""

    macs: int
    integer_macs: int
    floats: tuple[str, ...]


def work_of(graph: Graph) -> Work:
    """The work of all convolutions and matrix products."""
    macs, integer_macs, floats = 0, 0, []
    for operator in graph.operators:
        count = _macs(operator, graph)
        macs += count
        if count and "int8" in (graph.tensors[index].dtype for index in operator.inputs[:3]):
            integer_macs += count
        elif count:
            floats.append(graph.tensors[operator.outputs[0]].name)
    return Work(macs, integer_macs, tuple(floats))


def _macs(operator: Operator, graph: Graph) -> int:
    """Multiply-accumulates of one operator: those of a result times their number."""
    tensors, results = graph.tensors, graph.tensors[operator.outputs[0]].size
    if operator.code == "CONV_2D":
        return results * prod(tensors[operator.inputs[1]].shape[1:])
    if operator.code == "CONV_3D":
        return results * prod(tensors[operator.inputs[1]].shape[:4])
    if operator.code == "DEPTHWISE_CONV_2D":
        return results * prod(tensors[operator.inputs[1]].shape[1:3])
    if operator.code == "FULLY_CONNECTED":
        return results * tensors[operator.inputs[1]].shape[1]
    if operator.code == "BATCH_MATMUL":
        return results * tensors[operator.inputs[0]].shape[-1]
    if operator.code == "TRANSPOSE_CONV":
        return tensors[operator.inputs[2]].size * prod(tensors[operator.inputs[1]].shape[:3])
    return 0
