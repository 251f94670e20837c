"""The same model with the channels still in it, but silenced: what a selection does, without surgery."""

from __future__ import annotations

import numpy as np
import onnx
from onnx import helper, numpy_helper

from edgeinfer_converters.graph.naming import free_name
from edgeinfer_converters.graph.shapes import infer_shapes, known_types
from edgeinfer_converters.graph.view import GraphView
from edgeinfer_converters.graph.weights import with_initializers
from edgeinfer_converters.prune.groups import Grouping
from edgeinfer_converters.prune.selection import Kept, Mask, select


def mask_channels(model: onnx.ModelProto, grouping: Grouping, kept: Kept) -> onnx.ModelProto:
    """A model of the same shapes, whose products read zeros where `keep_channels` would remove channels.

    It computes what the smaller model does, as products alone add channels up, and all else works on each
    by itself. Nodes keep their names; a Where stands before products that read a masked tensor (times zero,
    infinity is no number).
    Raises ModelError as `select` does.
    """
    view = GraphView(model)
    masks = select(view, grouping, kept).activations
    readers = {member.node for group in grouping.groups for member in group.consumers}
    masked = with_initializers(model, model.graph.initializer)
    masked.graph.ClearField("node")
    taken = {name for node in view.nodes for name in (node.name, *node.input, *node.output)}
    names: dict[str, str] = {}
    for node in view.nodes:
        source = node.input[0] if node.input else ""
        copy = onnx.NodeProto()
        copy.CopyFrom(node)
        if node.name in readers and source in masks:
            if source not in names:
                names[source] = _add_mask(masked.graph, source, *masks[source], view, taken)
            copy.input[0] = names[source]
        masked.graph.node.append(copy)
    return infer_shapes(masked)


def _add_mask(
    graph: onnx.GraphProto, source: str, axis: int, mask: Mask, view: GraphView, taken: set[str]
) -> str:
    """Write the Where; returns the name of its result."""
    name, choice, zero = (free_name(f"{source}_{part}", taken) for part in ("masked", "mask", "zero"))
    taken.update((name, choice, zero))
    shape = [-1 if place == axis else 1 for place in range(len(view.shapes[source]))]
    graph.initializer.append(numpy_helper.from_array(mask.reshape(shape), choice))
    graph.initializer.append(numpy_helper.from_array(np.zeros((), known_types(view.model)[source]), zero))
    graph.node.append(helper.make_node("Where", [choice, source, zero], [name], name))
    return name
