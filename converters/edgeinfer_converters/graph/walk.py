"""Walking over all nodes of a model."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import onnx

STANDARD_DOMAINS = ("", "ai.onnx")


def all_nodes(model: onnx.ModelProto) -> Iterator[onnx.NodeProto]:
    """The nodes of the graph, its subgraphs and the model's functions; a function's calls are nodes too."""
    yield from nested_nodes(model.graph.node)
    for function in model.functions:
        yield from nested_nodes(function.node)


def nested_nodes(nodes: Iterable[onnx.NodeProto]) -> Iterator[onnx.NodeProto]:
    """Nodes and those of their subgraphs, in their order, the outer ones first."""
    pending = list(nodes)
    while pending:
        deeper: list[onnx.NodeProto] = []
        for node in pending:
            yield node
            for graph in subgraphs(node):
                deeper.extend(graph.node)
        pending = deeper


def subgraphs(node: onnx.NodeProto) -> list[onnx.GraphProto]:
    """The graphs in a node's attributes (If, Loop, Scan)."""
    found: list[onnx.GraphProto] = []
    for attribute in node.attribute:
        if attribute.type == onnx.AttributeProto.GRAPH:
            found.append(attribute.g)
        found.extend(attribute.graphs)
    return found


def outer_names(node: onnx.NodeProto) -> set[str]:
    """The names that a node's subgraphs read and do not make themselves: of the graphs around it."""
    names: set[str] = set()
    if not any(map(_has_graphs, node.attribute)):
        return names  # nearly all nodes, and they are asked often
    made = {""}
    for graph in _nested_graphs(node):
        names.update(output.name for output in graph.output)
        made.update(value.name for value in (*graph.input, *graph.initializer))
        for inner in graph.node:
            names.update(inner.input)
            made.update(inner.output)
    return names - made


def _has_graphs(attribute: onnx.AttributeProto) -> bool:
    return attribute.type == onnx.AttributeProto.GRAPH or len(attribute.graphs) > 0


def _nested_graphs(node: onnx.NodeProto) -> Iterator[onnx.GraphProto]:
    for inner in nested_nodes([node]):
        yield from subgraphs(inner)


def is_standard(node: onnx.NodeProto) -> bool:
    """Whether the operator is one of ONNX itself."""
    return node.domain in STANDARD_DOMAINS


def standard_opset(model: onnx.ModelProto) -> int:
    """The version of ONNX's own operators that the model uses; 1 if it names none, as the spec says."""
    return max((entry.version for entry in model.opset_import if entry.domain in STANDARD_DOMAINS), default=1)
