"""Pools, reductions, normalizations, resizing: they work along other axes than that of the channels."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import onnx

from edgeinfer_converters.graph.view import attribute
from edgeinfer_converters.prune.constants import integers, listed
from edgeinfer_converters.prune.flow import Flow, Role, Stretch

POOLS = frozenset({"AveragePool", "GlobalAveragePool", "GlobalLpPool", "GlobalMaxPool", "LpPool", "MaxPool"})

REDUCTIONS = frozenset(
    {
        *("ReduceL1", "ReduceL2", "ReduceLogSum", "ReduceLogSumExp", "ReduceMax", "ReduceMean"),
        *("ReduceMin", "ReduceProd", "ReduceSum", "ReduceSumSquare"),
    }
)

SOFTMAX = frozenset({"Hardmax", "LogSoftmax", "LpNormalization", "Softmax"})

_MIXES = "it mixes the channels"
_OTHER_AXIS = "the channels lie on another axis than its own"


def pool(node: onnx.NodeProto, flow: Flow) -> str | None:
    """Windows over the axes behind axis 1."""
    source = flow.at(node.input[0])
    if source is None:
        return None
    if len([name for name in node.output if name]) > 1:
        return "it has more than one result"
    if source.axis != 1:
        return _OTHER_AXIS
    flow.put(node.output[0], 1, source.ids)
    return None


def reduce(node: onnx.NodeProto, flow: Flow) -> str | None:
    """Sums, means and the like over some axes, which vanish or become 1."""
    source = flow.at(node.input[0])
    if source is None:
        return None
    shape = flow.shape(node.input[0])
    axes = listed(node, "axes", 1, flow)
    if shape is None or axes is None:
        return "its axes are computed"
    if not axes and attribute(node, "noop_with_empty_axes", 0):
        return "it has no axes"
    places = {axis % len(shape) for axis in axes} or set(range(len(shape)))
    if source.axis in places:
        return _MIXES
    gone = 0 if attribute(node, "keepdims", 1) else sum(place < source.axis for place in places)
    flow.put(node.output[0], source.axis - gone, source.ids)
    return None


def softmax(node: onnx.NodeProto, flow: Flow) -> str | None:
    """One axis is normalized."""
    return _along(node, flow, lambda axis, own: axis == own)


def layer_normalization(node: onnx.NodeProto, flow: Flow) -> str | None:
    """This axis and all behind it are normalized."""
    rank = len(flow.view.shapes.get(node.input[0], ()))
    behind = rank - attribute(node, "axis", -1) % max(rank, 1)
    if any(len(flow.view.shapes.get(name, ())) > behind for name in node.input[1:]):
        return "its parameters reach ahead of the axes that it normalizes"
    return _along(node, flow, lambda axis, own: axis >= own)


def batch_normalization(node: onnx.NodeProto, flow: Flow) -> str | None:
    """Scale, bias, mean and variance have a number for each channel on axis 1."""
    if attribute(node, "training_mode", 0):
        return "it is in training"
    return _by_channel(node, flow)


def instance_normalization(node: onnx.NodeProto, flow: Flow) -> str | None:
    """Each channel by itself; scale and bias have a number for each on axis 1."""
    return _by_channel(node, flow)


def pad(node: onnx.NodeProto, flow: Flow) -> str | None:
    """Other axes than that of the channels grow or shrink."""
    source, shape = flow.at(node.input[0]), flow.shape(node.input[0])
    if source is None:
        return None
    pads, axes = integers(node, 1, flow), listed(node, "axes", 3, flow)
    if pads is None or axes is None or shape is None:
        return "what it adds is computed"
    places = [axis % len(shape) for axis in axes] or list(range(len(shape)))
    sides = np.reshape(pads, (2, -1))
    if any(place == source.axis and sides[:, at].any() for at, place in enumerate(places)):
        return "it adds channels"
    flow.put(node.output[0], source.axis, source.ids)
    return None


def resize(node: onnx.NodeProto, flow: Flow) -> str | None:
    """Other axes than that of the channels are scaled; surgery changes the size of the result."""
    source = flow.at(node.input[0])
    if source is None:
        return None
    before, after = flow.shape(node.input[0]), flow.shape(node.output[0])
    if before is None or after is None or any(not flow.is_constant(name) for name in node.input[1:] if name):
        return "its size is computed"
    if before[source.axis] != after[source.axis] or not _keeps_axis(node, flow, source.axis, len(before)):
        return "it scales the axis of the channels"
    flow.put(node.output[0], source.axis, source.ids)
    return None


def _keeps_axis(node: onnx.NodeProto, flow: Flow, axis: int, rank: int) -> bool:
    """Whether numbers are taken from the same place along an axis, whatever its length."""
    texts = {one.name: one.s for one in node.attribute}
    if texts.get("keep_aspect_ratio_policy", b"stretch") != b"stretch":
        return False
    if texts.get("coordinate_transformation_mode", b"half_pixel") == b"tf_crop_and_resize":
        return False
    axes = [one % rank for one in listed(node, "axes", len(node.input), flow) or []] or list(range(rank))
    scales = flow.view.constant(node.input[2]) if len(node.input) > 2 and node.input[2] else ()
    if axis not in axes or not len(scales):
        return True
    return float(scales[axes.index(axis)]) == 1.0


def _along(node: onnx.NodeProto, flow: Flow, mixes: Callable[[int, int], bool]) -> str | None:
    source, shape = flow.at(node.input[0]), flow.shape(node.input[0])
    if source is None:
        return None
    if shape is None:
        return "its shape is not known"
    if len([name for name in node.output if name]) > 1:
        return "it has more than one result"
    if any(flow.at(name) for name in node.input[1:]):
        return "its parameters are computed"
    # LpNormalization, LayerNormalization and, from opset 13 on, Softmax count from the end.
    if mixes(source.axis, attribute(node, "axis", -1) % len(shape)):
        return _MIXES
    flow.put(node.output[0], source.axis, source.ids)
    return None


def _by_channel(node: onnx.NodeProto, flow: Flow) -> str | None:
    source = flow.at(node.input[0])
    if any(not flow.is_constant(name) for name in node.input[1:]):
        return "its parameters are computed"
    if source is None:
        return None
    if source.axis != 1:
        return _OTHER_AXIS
    constants = [Stretch(name, 0, source.ids) for name in dict.fromkeys(node.input[1:])]
    flow.record(Role.CARRIER, node, flow.put(node.output[0], 1, source.ids), constants)
    return None
