"""Each node has a name of its own, so that reports and settings can speak of it."""

from __future__ import annotations

from collections.abc import Set

import onnx

from edgeinfer_converters.graph.walk import subgraphs


def name_nodes(model: onnx.ModelProto) -> onnx.ModelProto:
    """Name (in place) the nodes of the graph that have none, or one that an earlier node has."""
    taken = {node.name for node in model.graph.node}
    seen: set[str] = {""}
    for index, node in enumerate(model.graph.node):
        if node.name in seen:
            node.name = free_name(f"{node.op_type}_{index}", taken)
            taken.add(node.name)
        seen.add(node.name)
    return model


def names_of(model: onnx.ModelProto) -> set[str]:
    """All names that tensors and nodes of the graph and its subgraphs have."""
    graphs = [model.graph]
    names: set[str] = set()
    for graph in graphs:
        names.update(one.name for one in (*graph.input, *graph.output, *graph.initializer))
        for node in graph.node:
            names.update((node.name, *node.input, *node.output))
            graphs.extend(subgraphs(node))
    return names


def free_name(wish: str, taken: Set[str]) -> str:
    """The wish, or with a number behind it where that is taken."""
    name, number = wish, 2
    while name in taken:
        name, number = f"{wish}_{number}", number + 1
    return name
