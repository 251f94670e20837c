"""A rough upper bound of what running a model takes, so that a small file is no memory bomb."""

from __future__ import annotations

import math

from edgeinfer.errors import ModelError
from edgeinfer.tflite.model import OPTIONAL, Model, Operator, Subgraph
from edgeinfer.tflite.tensors import tensor_bytes

MAX_WORKING_BYTES = 1024**3
"""Beyond what the boards of the device profiles could spare, and far above any model made for them."""

_FLOAT_BYTES = 4


def check_memory(model: Model) -> None:
    """Raises ModelError if tensors and scratch buffers need more than `MAX_WORKING_BYTES` at a time."""
    for number, graph in enumerate(model.subgraphs):
        constant = sum(len(one.data) for one in graph.tensors if one.data is not None)
        needed = working_bytes(graph)
        # Constants of other types may be unfolded to float32 when the model is loaded.
        if needed > MAX_WORKING_BYTES + 8 * constant:
            raise ModelError(
                f"subgraph {number} needs about {needed / 1e6:.0f} MB while it runs; "
                f"{MAX_WORKING_BYTES / 1e6:.0f} MB are possible"
            )


def working_bytes(graph: Subgraph) -> int:
    """The most bytes that computed tensors, and an operator's scratch buffers, take at a time.

    Each tensor lives from the operator that writes it to the last that reads it; nothing is in place.
    """
    sizes = [0 if one.data is not None else tensor_bytes(one) for one in graph.tensors]
    last = {index: place for place, operator in enumerate(graph.operators) for index in operator.inputs}
    kept = {*graph.inputs, *graph.outputs, *(n for n, one in enumerate(graph.tensors) if one.variable)}
    held = peak = sum(sizes[index] for index in kept)
    for place, operator in enumerate(graph.operators):
        made = [index for index in operator.outputs if index not in kept]
        held += sum(sizes[index] for index in made)
        peak = max(peak, held + scratch_bytes(graph, operator))
        gone = {*made, *operator.inputs} - kept - {OPTIONAL}
        held -= sum(sizes[index] for index in gone if last.get(index, place) <= place)
    return peak


def scratch_bytes(graph: Subgraph, operator: Operator) -> int:
    """What a three-dimensional convolution unfolds its input to (im2col): the one kernel without a bound."""
    if not operator.code.name.startswith("CONV_3D") or len(operator.inputs) < 2 or not operator.outputs:
        return 0
    shapes = [graph.tensors[index].shape for index in (operator.inputs[1], operator.outputs[0])]
    source = graph.tensors[operator.inputs[0]].shape
    if any(len(shape) != 5 for shape in (*shapes, source)):
        return 0
    positions = max(math.prod(shapes[1][:4]), math.prod(source[:4]))
    return positions * math.prod(shapes[0][:4]) * _FLOAT_BYTES
