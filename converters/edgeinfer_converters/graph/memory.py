"""What the tensors of a model weigh."""

from __future__ import annotations

import math
from collections.abc import Mapping
from types import MappingProxyType

import onnx

from edgeinfer_converters.graph.shapes import known_types
from edgeinfer_converters.graph.view import GraphView
from edgeinfer_converters.graph.walk import all_nodes


def parameter_count(model: onnx.ModelProto) -> int:
    """The numbers in all constants, initializers or nodes: weights, biases, and what quantization adds."""
    held = [one.t for node in all_nodes(model) if node.op_type == "Constant" for one in node.attribute]
    return sum(math.prod(tensor.dims) for tensor in (*model.graph.initializer, *held) if tensor.data_type)


def peak_activation_bytes(model: onnx.ModelProto, *, widths: Mapping[str, int] | None = None) -> int:
    """The most bytes that inputs, outputs and the tensors between operators hold at a time.

    Operators run in the order of the file, a tensor is freed after its last reader, and nothing is
    computed in place; open dimensions count as 1. Shapes must have been inferred. `widths`: the bytes of
    an element of tensors that the runtime keeps in another form than the file, 0 for those it never stores.
    """
    view = GraphView(model)
    sizes = tensor_bytes(view, widths or {})
    last_use = {name: index for index, node in enumerate(view.nodes) for name in node.input}
    live = {name for name in view.inputs if name in sizes}
    held = peak = sum(sizes[name] for name in live)
    for index, node in enumerate(view.nodes):
        made = {name for name in node.output if name in sizes}
        held += sum(sizes[name] for name in made - live)
        live |= made
        peak = max(peak, held)
        done = {name for name in live if last_use.get(name, index) <= index and name not in view.outputs}
        held -= sum(sizes[name] for name in done)
        live -= done
    return peak


def tensor_bytes(view: GraphView, widths: Mapping[str, int] = MappingProxyType({})) -> dict[str, int]:
    """The bytes of each tensor of known type and shape that is no initializer; the rest is as above."""
    types = known_types(view.model)
    return {
        name: math.prod(max(dim, 1) for dim in shape) * widths.get(name, types[name].itemsize)
        for name, shape in view.shapes.items()
        if name in types and name not in view.initializers
    }
