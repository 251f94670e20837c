"""Shapes, bounds and counts that nodes have as parameters, fitted to fewer channels."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
import onnx

from edgeinfer.frames import Array
from edgeinfer_converters.graph.shapes import Shape
from edgeinfer_converters.graph.view import GraphView, attribute
from edgeinfer_converters.prune.selection import Mask, Selection

Shapes = Mapping[str, Shape]
Fitted = Mapping[int, Array]
"""New constants for the inputs of a node, by place."""


def fitted_inputs(node: onnx.NodeProto, view: GraphView, selection: Selection, shapes: Shapes) -> Fitted:
    """What has to change among the parameters of a node whose data inputs lose channels."""
    fit = _FITS.get(node.op_type)
    cut = selection.activations.get(node.input[0]) if fit and node.input else None
    return fit(node, view, selection, shapes) if fit and cut else {}


def fit_attributes(node: onnx.NodeProto, view: GraphView, shapes: Shapes) -> None:
    """Set (in place) the number of groups of a depthwise convolution, and drop counts that no longer fit."""
    if node.op_type in ("Conv", "ConvTranspose"):
        group = attribute(node, "group", 1)
        if group > 1 and group == view.shapes[node.input[0]][1]:
            next(one for one in node.attribute if one.name == "group").i = shapes[node.input[0]][1]
    if node.op_type == "Split" and len(node.input) > 1 and node.input[1]:
        kept = [one for one in node.attribute if one.name != "num_outputs"]
        del node.attribute[:]
        node.attribute.extend(kept)


def _whole_shape(node: onnx.NodeProto, view: GraphView, selection: Selection, shapes: Shapes) -> Fitted:
    """Reshape and Expand: the shape of the result, written out."""
    return {1: np.array(shapes[node.output[0]], np.int64)}


def _resize(node: onnx.NodeProto, view: GraphView, selection: Selection, shapes: Shapes) -> Fitted:
    if len(node.input) < 4 or not node.input[3]:
        return {}
    axis, rank = selection.activations[node.input[0]][0], len(shapes[node.input[0]])
    axes = next((list(one.ints) for one in node.attribute if one.name == "axes"), list(range(rank)))
    sizes = view.constant(node.input[3]).copy()
    for place, one in enumerate(axes):
        if one % rank == axis:
            sizes[place] = shapes[node.output[0]][axis]
    return {3: sizes}


def _split(node: onnx.NodeProto, view: GraphView, selection: Selection, shapes: Shapes) -> Fitted:
    axis = selection.activations[node.input[0]][0]
    if attribute(node, "axis", 0) % len(shapes[node.input[0]]) != axis:
        return {}
    return {1: np.array([shapes[name][axis] for name in node.output], np.int64)}


def _slice(node: onnx.NodeProto, view: GraphView, selection: Selection, shapes: Shapes) -> Fitted:
    axis, mask = selection.activations[node.input[0]]
    starts, ends = (view.constant(node.input[place]).copy() for place in (1, 2))
    axes = [*range(len(starts))]
    if len(node.input) > 3 and node.input[3]:
        axes = [int(one) % len(shapes[node.input[0]]) for one in view.constant(node.input[3])]
    if axis not in axes:
        return {}
    at = axes.index(axis)
    first, last, _ = slice(int(starts[at]), int(ends[at])).indices(len(mask))
    starts[at], ends[at] = mask[:first].sum(), mask[:last].sum()
    return {1: starts, 2: ends}


def _gather(node: onnx.NodeProto, view: GraphView, selection: Selection, shapes: Shapes) -> Fitted:
    axis, mask = selection.activations[node.input[0]]
    if attribute(node, "axis", 0) % len(shapes[node.input[0]]) != axis:
        return {}
    places = view.constant(node.input[1])
    kept = mask[places]
    return {1: _ranks(mask)[places[kept]].astype(places.dtype)}


def _ranks(mask: Mask) -> Array:
    """The new place of each that stays."""
    return np.cumsum(mask) - 1


_FITS: Mapping[str, Callable[[onnx.NodeProto, GraphView, Selection, Shapes], Fitted]] = {
    "Expand": _whole_shape,
    "Gather": _gather,
    "Reshape": _whole_shape,
    "Resize": _resize,
    "Slice": _slice,
    "Split": _split,
}
