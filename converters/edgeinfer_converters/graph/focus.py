"""Every second pixel, four times, joined: SpaceToDepth.

So YOLO's first layer is exported (Focus). The slices are slow: of a picture of 416 x 416 pixels they take
1.5 ms in ONNX Runtime, SpaceToDepth 0.5 (1.32, x86-64, one thread); XNNPACK has no kernel for them, and
LiteRT's own takes twenty times as long. The blocks mostly come in another order; a convolution behind them
takes that into its weights.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import onnx
from onnx import helper, numpy_helper

from edgeinfer.frames import Array
from edgeinfer_converters.graph.naming import free_name, names_of
from edgeinfer_converters.graph.rewriting import with_nodes
from edgeinfer_converters.graph.shapes import infer_shapes
from edgeinfer_converters.graph.view import GraphView, attribute
from edgeinfer_converters.graph.walk import is_standard, outer_names

_CHANNELS, _RANK = 1, 4
"""The axis of an image's channels, and how many axes it has."""


@dataclass(frozen=True)
class _Blocks:
    """The parts of a concatenation: of which image, in blocks of which size, and which block each is."""

    source: str
    size: int
    order: tuple[int, ...]

    @property
    def is_ordered(self) -> bool:
        """Whether they come as SpaceToDepth has them."""
        return self.order == tuple(sorted(self.order))


def with_space_to_depth(model: onnx.ModelProto) -> onnx.ModelProto:
    """The model with joined slices of images, whose shapes are known, as one operator. Changes the model."""
    view = GraphView(model)
    found = {node.output[0]: blocks for node in view.nodes if (blocks := _blocks(node, view))}
    if not found:
        return model
    taken = names_of(model)
    nodes: list[onnx.NodeProto] = []
    for node in view.nodes:
        blocks = found.get(node.output[0])
        nodes.extend([node] if blocks is None else _written(node, blocks, view, taken))
    return infer_shapes(with_nodes(model, _read(nodes, view)))


def _blocks(node: onnx.NodeProto, view: GraphView) -> _Blocks | None:
    shape = view.shapes.get(node.output[0], ())
    if node.op_type != "Concat" or not is_standard(node) or len(shape) != _RANK:
        return None
    origins = [_origin(name, view) for name in node.input]
    source, _, (*_, size) = origins[0]
    whole = view.shapes.get(source, ())
    if attribute(node, "axis", 0) not in (_CHANNELS, _CHANNELS - _RANK) or size < 2 or len(whole) != _RANK:
        return None
    batch, channels, height, width = whole
    part = (batch, channels, height // size, width // size)
    if min(whole) < 1 or height % size or width % size or len(origins) != size * size:
        return None
    # ONNX Runtime knows the operator for floats; for other types not before 1.31, and not for all of them.
    if source not in view.floats or any(view.shapes.get(name) != part for name in node.input):
        return None
    order = []
    for origin, begin, steps in origins:
        inside = (begin[2:] < size).all()
        if origin != source or tuple(steps) != (1, 1, size, size) or begin[:2].any() or not inside:
            return None
        order.append(int(begin[2] * size + begin[3]))
    return _Blocks(source, size, tuple(order)) if sorted(order) == list(range(size * size)) else None


def _origin(name: str, view: GraphView) -> tuple[str, Array, Array]:
    """The tensor that slices were cut from, one out of the other; where they begin in it, and their steps."""
    rank = len(view.shapes.get(name, ()))
    begin, steps = np.zeros(rank, int), np.ones(rank, int)
    while (cut := _cut(view.producers.get(name), view)) is not None:
        source, first, by = cut
        begin, steps, name = first + by * begin, by * steps, source
    return name, begin, steps


def _cut(node: onnx.NodeProto | None, view: GraphView) -> tuple[str, Array, Array] | None:
    """What a slice cuts from, where it begins there by axis, and its steps; None if it cannot be told."""
    if node is None or node.op_type != "Slice" or not is_standard(node):
        return None
    shape = view.shapes.get(node.input[0], ())
    names = [*node.input[1:], "", ""][:4]
    if not shape or min(shape) < 1 or any(name and name not in view.initializers for name in names):
        return None
    starts = view.constant(names[0])
    axes = view.constant(names[2]) if names[2] else np.arange(len(starts))
    by = view.constant(names[3]) if names[3] else np.ones_like(starts)
    if (by < 1).any():
        return None
    begin, steps = np.zeros(len(shape), int), np.ones(len(shape), int)
    for start, axis, step in zip(starts.tolist(), axes.tolist(), by.tolist(), strict=True):
        begin[axis] = max(start + shape[axis], 0) if start < 0 else start
        steps[axis] = step
    return str(node.input[0]), begin, steps


def _written(
    concat: onnx.NodeProto, blocks: _Blocks, view: GraphView, taken: set[str]
) -> list[onnx.NodeProto]:
    result = concat.output[0]
    if not blocks.is_ordered and not _reordered(result, blocks, view):
        return _in_their_order(concat, blocks, view, taken)
    return [_space_to_depth(blocks, result, concat.name)]


def _space_to_depth(blocks: _Blocks, result: str, name: str) -> onnx.NodeProto:
    return helper.make_node("SpaceToDepth", [blocks.source], [result], name, blocksize=blocks.size)


def _reordered(result: str, blocks: _Blocks, view: GraphView) -> bool:
    """Whether convolutions alone read the blocks; then their weights take the order."""
    readers = view.readers.get(result, ())
    if result in view.outputs or not all(_is_conv(node, result, view) for node in readers):
        return False
    weights = dict.fromkeys(node.input[1] for node in readers)
    others = [node for name in weights for node in view.readers[name]]
    if not view.outputs.isdisjoint(weights) or not all(_is_conv(node, result, view) for node in others):
        return False
    channels = view.shapes[blocks.source][_CHANNELS]
    places = np.concatenate([np.arange(channels) + one * channels for one in np.argsort(blocks.order)])
    for name in weights:
        view.initializers[name].CopyFrom(
            numpy_helper.from_array(np.ascontiguousarray(view.constant(name)[:, places]), name)
        )
    return True


def _is_conv(node: onnx.NodeProto, source: str, view: GraphView) -> bool:
    plain = node.op_type == "Conv" and is_standard(node) and attribute(node, "group", 1) == 1
    return plain and node.input[0] == source and node.input[1] in view.initializers


def _in_their_order(
    concat: onnx.NodeProto, blocks: _Blocks, view: GraphView, taken: set[str]
) -> list[onnx.NodeProto]:
    """The operator's blocks, taken apart and joined as they were."""

    def free(wish: str) -> str:
        name = free_name(wish, taken)
        taken.add(name)
        return name

    result, count = concat.output[0], len(blocks.order)
    deep, sizes = free(f"{result}_deep"), free(f"{result}_sizes")
    parts = [free(f"{result}_block_{one}") for one in range(count)]
    channels = np.full(count, view.shapes[blocks.source][_CHANNELS], np.int64)
    view.model.graph.initializer.append(numpy_helper.from_array(channels, sizes))
    join = onnx.NodeProto()
    join.CopyFrom(concat)
    join.input[:] = [parts[one] for one in blocks.order]
    split = helper.make_node("Split", [deep, sizes], parts, free(f"{concat.name}_split"), axis=_CHANNELS)
    return [_space_to_depth(blocks, deep, free(f"{concat.name}_deep")), split, join]


def _read(nodes: list[onnx.NodeProto], view: GraphView) -> Iterator[onnx.NodeProto]:
    """The nodes but for slices that nobody reads any more."""
    read = set(view.outputs)
    kept = []
    for node in reversed(nodes):
        if node.op_type != "Slice" or node.output[0] in read:
            read.update(node.input, outer_names(node))
            kept.append(node)
    return reversed(kept)
