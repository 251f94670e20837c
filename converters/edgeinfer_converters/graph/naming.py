"""Each node has a name of its own, so that reports and settings can speak of it."""

from __future__ import annotations

from collections.abc import Set

import onnx


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


def free_name(wish: str, taken: Set[str]) -> str:
    """The wish, or with a number behind it where that is taken."""
    name, number = wish, 2
    while name in taken:
        name, number = f"{wish}_{number}", number + 1
    return name
