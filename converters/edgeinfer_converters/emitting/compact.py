"""A graph as its file needs to be: the same numbers in fewer bytes.

- The shapes of inner tensors are left out where plain inference, which every runtime does, finds them too.
- Constants of the same type, shape and values are one constant.
- What QuantizeLinear and DequantizeLinear make, the constants that they alone read and these nodes
  themselves have names of a few letters: runtimes fuse them away, and a quantized graph has many.

Inputs, outputs and everything else keep their names: it is these that reports and runtimes speak of.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Set
from string import ascii_lowercase

import onnx

from edgeinfer_converters.graph.shapes import infer_shapes
from edgeinfer_converters.graph.view import GraphView
from edgeinfer_converters.graph.walk import all_nodes, outer_names, subgraphs
from edgeinfer_converters.graph.weights import outlined, with_initializers

_CONVERSIONS = frozenset({"DequantizeLinear", "QuantizeLinear"})


def compact(model: onnx.ModelProto) -> onnx.ModelProto:
    """The same function with the same inputs and outputs; the same model gives the same bytes.

    Raises ModelError where shapes contradict each other.
    """
    view = GraphView(model)
    fixed = {*view.inputs, *view.outputs, *(name for node in view.nodes for name in outer_names(node))}
    shared = _shared_constants(view, fixed)
    kept = [tensor for name, tensor in view.initializers.items() if name not in shared]
    small = with_initializers(model, kept)
    _rename(small, shared)
    _rename(small, _short_names(GraphView(small), fixed))
    _name_conversions(small)
    return _without_known_shapes(small)


def _shared_constants(view: GraphView, fixed: Set[str]) -> dict[str, str]:
    """For each constant that has an equal before it, that one's name."""
    first: dict[bytes, str] = {}
    equal = {}
    for name, tensor in view.initializers.items():
        known = first.setdefault(_fingerprint(tensor), name)
        if known != name and name not in fixed:
            equal[name] = known
    return equal


def _fingerprint(tensor: onnx.TensorProto) -> bytes:
    unnamed = onnx.TensorProto()
    unnamed.CopyFrom(tensor)
    unnamed.ClearField("name")
    return hashlib.sha256(unnamed.SerializeToString(deterministic=True)).digest()


def _short_names(view: GraphView, fixed: Set[str]) -> dict[str, str]:
    """New names for the tensors around conversions that nobody else speaks of."""
    long = dict.fromkeys(name for name in _around_conversions(view) if name and name not in fixed)
    return dict(zip(long, _free_names(_tensor_names(view.model) - long.keys()), strict=False))


def _around_conversions(view: GraphView) -> Iterator[str]:
    for node in view.nodes:
        if _is_conversion(node):
            yield from (name for name in node.input if _is_only_converted(name, view))
            yield from node.output


def _is_only_converted(name: str, view: GraphView) -> bool:
    return name in view.initializers and all(map(_is_conversion, view.readers[name]))


def _is_conversion(node: onnx.NodeProto) -> bool:
    return node.op_type in _CONVERSIONS


def _name_conversions(model: onnx.ModelProto) -> None:
    """Each node has a name of its own still."""
    conversions = [node for node in model.graph.node if _is_conversion(node)]
    for node in conversions:
        node.name = ""
    for node, name in zip(conversions, _free_names({node.name for node in all_nodes(model)}), strict=False):
        node.name = name


def _tensor_names(model: onnx.ModelProto) -> set[str]:
    names = {name for node in all_nodes(model) for name in (*node.input, *node.output)}
    inner = [graph for node in all_nodes(model) for graph in subgraphs(node)]
    for graph in (model.graph, *inner):
        names.update(one.name for one in (*graph.initializer, *graph.input, *graph.output))
    return names


def _free_names(taken: Set[str]) -> Iterator[str]:
    """a, b, …, z, aa, ab, … without those that are taken."""
    names = [""]
    while True:
        names = [before + letter for before in names for letter in ascii_lowercase]
        yield from (name for name in names if name not in taken)


def _rename(model: onnx.ModelProto, names: Mapping[str, str]) -> None:
    """Rename tensors of the main graph, in place; subgraphs must not read them."""
    graph = model.graph
    for node in graph.node:
        for tensors in (node.input, node.output):
            tensors[:] = [names.get(name, name) for name in tensors]
    for one in (*graph.initializer, *graph.value_info):
        one.name = names.get(one.name, one.name)


def _without_known_shapes(model: onnx.ModelProto) -> onnx.ModelProto:
    """The model (changed in place) without the shapes that follow from the others."""
    bare = outlined(model)
    bare.graph.ClearField("value_info")
    inferred = infer_shapes(bare, compute=False)
    found = {value.name: value.type for value in inferred.graph.value_info}
    said = [value for value in model.graph.value_info if found.get(value.name) != value.type]
    left = [onnx.ValueInfoProto.FromString(value.SerializeToString()) for value in said]
    model.graph.ClearField("value_info")
    model.graph.value_info.extend(left)
    return model
