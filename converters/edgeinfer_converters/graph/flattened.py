"""Images that are flattened and then transposed: transposed first, where it costs nothing.

Detectors write the boxes of each pixel in a row: images (batch, channels, height, width) become (batch,
channels, pixels), are joined along the pixels and transposed. ONNX Runtime's integer convolutions compute
channels last: transposed first, the pixels lie as they are wanted, and the runtime drops both transpositions.
It cannot where a reshape is between them.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import onnx
from onnx import helper, numpy_helper

from edgeinfer_converters.graph.naming import free_name, names_of
from edgeinfer_converters.graph.rewriting import with_nodes
from edgeinfer_converters.graph.shapes import infer_shapes
from edgeinfer_converters.graph.view import GraphView, attribute
from edgeinfer_converters.graph.walk import is_standard

_SWAP = (0, 2, 1)
"""The transposition of (batch, channels, pixels)."""

_CHANNELS_LAST = (0, 2, 3, 1)
_PIXELS = 2
"""The axis of the pixels in (batch, channels, pixels)."""


def with_channels_last(model: onnx.ModelProto) -> onnx.ModelProto:
    """The model with images, whose shapes are known, transposed before they are flattened. Changes it."""
    view = GraphView(model)
    found = {
        node.output[0]: parts
        for node in view.nodes
        if _is_swap(node) and (parts := _flattened(node.input[0], view))
    }
    if not found:
        return model
    writer = _Writer(view)
    gone = {view.producers[swap].input[0] for swap in found}
    gone |= {part for parts in found.values() for part in parts}
    nodes: list[onnx.NodeProto] = []
    for node in view.nodes:
        if node.output[0] in found:
            nodes.extend(writer.written(node, found[node.output[0]]))
        elif node.output[0] not in gone:
            nodes.append(node)
    return infer_shapes(with_nodes(model, nodes))


def _is_swap(node: onnx.NodeProto) -> bool:
    permutation = next((tuple(one.ints) for one in node.attribute if one.name == "perm"), ())
    return node.op_type == "Transpose" and is_standard(node) and permutation == _SWAP


def _flattened(name: str, view: GraphView) -> tuple[str, ...]:
    """The flattened images that a tensor joins along their pixels, or itself if it is one."""
    producer = view.producers.get(name)
    if producer is None or not view.is_private(name):
        return ()
    joins = producer.op_type == "Concat" and is_standard(producer)
    if joins and attribute(producer, "axis", 0) not in (_PIXELS, -1):
        return ()
    parts = tuple(producer.input) if joins else (name,)
    own = len(set(parts)) == len(parts) and all(map(view.is_private, parts))
    return parts if own and all(_is_flat(part, view) for part in parts) else ()


def _is_flat(name: str, view: GraphView) -> bool:
    producer = view.producers.get(name)
    if producer is None or producer.op_type != "Reshape" or not is_standard(producer):
        return False
    image = view.shapes.get(producer.input[0], ())
    if len(image) != len(_CHANNELS_LAST) or min(image) < 1:
        return False
    batch, channels, height, width = image
    return view.shapes.get(name) == (batch, channels, height * width)


class _Writer:
    def __init__(self, view: GraphView) -> None:
        self._view = view
        self._taken = names_of(view.model)

    def written(self, swap: onnx.NodeProto, parts: tuple[str, ...]) -> Iterator[onnx.NodeProto]:
        """The nodes that give what `swap` gave."""
        joins = len(parts) > 1
        rows = [self._free(f"{part}_rows") for part in parts] if joins else [swap.output[0]]
        for part, row in zip(parts, rows, strict=True):
            reshape = self._view.producers[part]
            batch, channels, pixels = self._view.shapes[part]
            last, shape = self._free(f"{part}_channels_last"), self._free(f"{part}_shape")
            sizes = np.array([batch, pixels, channels], np.int64)
            self._view.model.graph.initializer.append(numpy_helper.from_array(sizes, shape))
            name = self._free(f"{reshape.name}_channels_last")
            yield helper.make_node("Transpose", [reshape.input[0]], [last], name, perm=_CHANNELS_LAST)
            yield helper.make_node("Reshape", [last, shape], [row], reshape.name)
        if joins:
            name = self._view.producers[swap.input[0]].name
            yield helper.make_node("Concat", rows, [swap.output[0]], name, axis=1)

    def _free(self, wish: str) -> str:
        name = free_name(wish, self._taken)
        self._taken.add(name)
        return name
