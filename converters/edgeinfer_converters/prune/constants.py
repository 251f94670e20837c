"""Lists of integers that nodes have as attributes or as constant inputs."""

from __future__ import annotations

import onnx

from edgeinfer_converters.prune.flow import Flow


def integers(node: onnx.NodeProto, place: int, flow: Flow) -> list[int] | None:
    """The input at `place`, flattened: empty if there is none; None if it is not constant."""
    name = node.input[place] if len(node.input) > place else ""
    if not name:
        return []
    return [int(number) for number in flow.view.constant(name).ravel()] if flow.is_constant(name) else None


def listed(node: onnx.NodeProto, name: str, place: int, flow: Flow) -> list[int] | None:
    """The same, or the attribute that it was in older opsets."""
    own = next((one for one in node.attribute if one.name == name), None)
    return [int(number) for number in own.ints] if own is not None else integers(node, place, flow)
