"""Operators that move numbers: channels come to lie elsewhere, on one axis still."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import onnx

from edgeinfer_converters.graph.classes import Indices
from edgeinfer_converters.graph.view import attribute
from edgeinfer_converters.prune.constants import integers
from edgeinfer_converters.prune.flow import FIXED, Flow
from edgeinfer_converters.prune.regroup import regroup

_COMPUTED = "its shape or places are computed"


def reshape(node: onnx.NodeProto, flow: Flow) -> str | None:
    """Reshape, Flatten, Squeeze, Unsqueeze: a channel may become a block; a split axis keeps one part.

    Where channels spread over two axes (a shuffle), those that differ on the one alone go together.
    """
    source = flow.at(node.input[0])
    if source is None:
        return None
    before, after = flow.shape(node.input[0]), flow.shape(node.output[0])
    if before is None or after is None or integers(node, 1, flow) is None:
        return _COMPUTED
    axis, ids = regroup(source, before, after, flow, f"{node.op_type} `{node.name}`")
    flow.put(node.output[0], axis, ids)
    return None


def transpose(node: onnx.NodeProto, flow: Flow) -> str | None:
    """The axis moves."""
    source = flow.at(node.input[0])
    if source is None:
        return None
    rank = len(flow.view.shapes[node.input[0]])
    order = next((list(one.ints) for one in node.attribute if one.name == "perm"), [*range(rank)][::-1])
    flow.put(node.output[0], order.index(source.axis), source.ids)
    return None


def concat(node: onnx.NodeProto, flow: Flow) -> str | None:
    """Along the channels one after the other; along another axis they meet."""
    sources = {name: source for name in node.input if (source := flow.at(name))}
    if not sources:
        return None
    shapes = [flow.shape(name) for name in node.input]
    axes = {source.axis for source in sources.values()}
    if None in shapes or len(axes) > 1:
        return "the channels of its inputs lie on different axes"
    axis = axes.pop()
    if attribute(node, "axis", 0) % len(shapes[0] or ()) == axis:
        flow.put(node.output[0], axis, np.concatenate([_ids(name, axis, flow) for name in node.input]))
        return None
    if len(sources) < len(set(node.input)):
        return "it meets channels that are fixed"
    first = next(iter(sources.values()))
    for other in sources.values():
        flow.unite(first.ids, other.ids, f"{node.op_type} `{node.name}`: it meets channels that are fixed")
    flow.put(node.output[0], axis, first.ids)
    return None


def split(node: onnx.NodeProto, flow: Flow) -> str | None:
    """Pieces along the channels, or pieces that all have them."""
    source = flow.at(node.input[0])
    if source is None:
        return None
    shapes = [flow.shape(name) for name in node.output]
    if None in shapes or integers(node, 1, flow) is None:
        return _COMPUTED
    if attribute(node, "axis", 0) % len(shapes[0] or ()) != source.axis:
        for name in node.output:
            flow.put(name, source.axis, source.ids)
        return None
    ends = np.cumsum([shape[source.axis] for shape in shapes if shape])
    for name, ids in zip(node.output, np.split(source.ids, ends[:-1]), strict=True):
        flow.put(name, source.axis, ids)
    return None


def slice_(node: onnx.NodeProto, flow: Flow) -> str | None:
    """A stretch of the channels, or of another axis."""
    source = flow.at(node.input[0])
    if source is None:
        return None
    shape = flow.shape(node.input[0])
    bounds = [integers(node, place, flow) for place in (1, 2, 3, 4)]
    if shape is None or any(bound is None for bound in bounds) or flow.shape(node.output[0]) is None:
        return _COMPUTED
    starts, ends, axes, steps = (bound or [] for bound in bounds)
    places = [axis % len(shape) for axis in axes] or [*range(len(starts))]
    ids = source.ids
    if source.axis in places:
        at = places.index(source.axis)
        if steps and steps[at] != 1:
            return "it leaves out or turns round channels"
        ids = ids[starts[at] : ends[at]]
    flow.put(node.output[0], source.axis, ids)
    return None


def gather(node: onnx.NodeProto, flow: Flow) -> str | None:
    """Constant places: of the channels in a row, or of another axis."""
    source, shape = flow.at(node.input[0]), flow.shape(node.input[0])
    if source is None and flow.at(node.input[1]) is None:
        return None
    places = integers(node, 1, flow)
    if source is None or shape is None or places is None:
        return _COMPUTED
    axis, rank = attribute(node, "axis", 0) % len(shape), len(flow.view.shapes[node.input[1]])
    if axis == source.axis and rank != 1:
        return "it takes single channels"
    ids = source.ids[places] if axis == source.axis else source.ids
    flow.put(node.output[0], source.axis + (rank - 1 if source.axis > axis else 0), ids)
    return None


def expand(node: onnx.NodeProto, flow: Flow) -> str | None:
    """Other axes are repeated; surgery changes the shape."""
    source = flow.at(node.input[0])
    if source is None:
        return None
    before, after = flow.shape(node.input[0]), flow.shape(node.output[0])
    if before is None or after is None or integers(node, 1, flow) is None:
        return _COMPUTED
    axis = source.axis + len(after) - len(before)
    if after[axis] != before[source.axis]:
        return "it repeats a channel"
    flow.put(node.output[0], axis, source.ids)
    return None


def tile(node: onnx.NodeProto, flow: Flow) -> str | None:
    """All channels are repeated, or none."""
    source, repeats = flow.at(node.input[0]), integers(node, 1, flow)
    if source is None:
        return None
    if repeats is None:
        return _COMPUTED
    flow.put(node.output[0], source.axis, np.tile(source.ids, repeats[source.axis]))
    return None


def depth_to_space(node: onnx.NodeProto, flow: Flow) -> str | None:
    """Blocks of pixels are made of channels, which go together."""

    def pixels(ids: Indices, block: int) -> Indices:
        rows = ids.reshape(-1, block).T if _is_crd(node) else ids.reshape(block, -1)
        flow.tie(rows, f"{node.op_type} `{node.name}`: pixels of a block go together")
        return np.asarray(rows[0])

    return _in_blocks(node, flow, pixels)


def space_to_depth(node: onnx.NodeProto, flow: Flow) -> str | None:
    """The pixels of a block become channels: in as many rounds, or (CRD) one channel after the other."""
    return _in_blocks(node, flow, np.repeat if _is_crd(node) else np.tile)


def _in_blocks(node: onnx.NodeProto, flow: Flow, moved: Callable[[Indices, int], Indices]) -> str | None:
    """Channels on axis 1 that are moved, given with the number of pixels in a block."""
    source = flow.at(node.input[0])
    if source is None:
        return None
    if source.axis != 1:
        return "the channels lie on another axis than its own"
    flow.put(node.output[0], 1, moved(source.ids, attribute(node, "blocksize", 1) ** 2))
    return None


def _is_crd(node: onnx.NodeProto) -> bool:
    """Whether a channel's pixels lie together (for SpaceToDepth from opset 28 on)."""
    return any(one.name == "mode" and one.s == b"CRD" for one in node.attribute)


def _ids(name: str, axis: int, flow: Flow) -> Indices:
    source = flow.at(name)
    return source.ids if source else np.full(flow.view.shapes[name][axis], FIXED)
