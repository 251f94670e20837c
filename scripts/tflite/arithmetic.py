"""The share of a TFLite file's multiply-accumulates that are integer, whoever wrote the file."""

from __future__ import annotations

from edgeinfer.tflite.inspect import read_sound
from edgeinfer.tflite.model import Subgraph
from edgeinfer.tflite.tensors import TYPES
from edgeinfer_converters.tflite.tensors import Graph, Operator
from edgeinfer_converters.tflite.work import work_of


def integer_share(model: bytes) -> float:
    """Of all convolutions and matrix products of the main graph, 0 to 1. Raises ModelError."""
    work = work_of(_graph_of(read_sound(model).subgraphs[0]))
    return work.integer_macs / max(work.macs, 1)


def _graph_of(subgraph: Subgraph) -> Graph:
    """Kinds, shapes and types: all that counting needs."""
    graph = Graph()
    for tensor in subgraph.tensors:
        graph.tensor(tensor.name.decode(errors="replace"), tensor.shape, TYPES[tensor.type].name)
    graph.operators = [
        Operator(one.code.name, list(one.inputs), list(one.outputs)) for one in subgraph.operators
    ]
    return graph
