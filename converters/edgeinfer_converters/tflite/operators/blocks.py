"""Blocks of an image moved between its channels and its sides."""

from __future__ import annotations

from edgeinfer_converters.tflite.faults import UnsupportedError
from edgeinfer_converters.tflite.layouts import channels_last
from edgeinfer_converters.tflite.lowering import Lowering, Table
from edgeinfer_converters.tflite.moving import movable, moved_back, refuse_empty
from edgeinfer_converters.tflite.nodes import Node


def depth_to_space(node: Node, at: Lowering) -> None:
    """DepthToSpace. The kernel wants the channels of a block outermost, as the mode DCR has them."""
    name, result = node.inputs[0], node.outputs[0]
    pixels, size = _image(node, at, "DEPTH_TO_SPACE")
    mode = node.text("mode", "DCR")
    if mode == "CRD":
        pixels = _turned(at, pixels, at.shape(name)[1] // (size * size))
    elif mode != "DCR":
        raise UnsupportedError(f"the mode `{mode}` is not known")
    found, (batch, channels, height, width) = at.graph.tensors[pixels], at.shape(name)
    shape = (batch, height * size, width * size, channels // (size * size))
    moved = at.add("DEPTH_TO_SPACE", [pixels], shape, found.dtype, found.quant, blockSize=size)
    moved_back(at, result, moved, channels_last(4))


def _turned(at: Lowering, pixels: int, groups: int) -> int:
    """Channels numbered (group, member) as (member, group): of a channel and a place in the block."""
    found = at.graph.tensors[pixels]
    batch, height, width, channels = found.shape
    rows = at.reshape(pixels, (batch * height * width, groups, channels // groups))
    return at.reshape(at.transpose(rows, (0, 2, 1)), found.shape)


def space_to_depth(node: Node, at: Lowering) -> None:
    """SpaceToDepth. The kernel leaves the channels of a block outermost, as the mode DCR has them."""
    name, result = node.inputs[0], node.outputs[0]
    mode = node.text("mode", "DCR")
    pixels, size = _image(node, at, "SPACE_TO_DEPTH")
    found, (batch, channels, height, width) = at.graph.tensors[pixels], at.shape(name)
    shape = (batch, height // size, width // size, channels * size * size)
    moved = at.add("SPACE_TO_DEPTH", [pixels], shape, found.dtype, found.quant, blockSize=size)
    if mode == "CRD":
        moved = _turned(at, moved, size * size)
    elif mode != "DCR":
        raise UnsupportedError(f"the mode `{mode}` is not known")
    moved_back(at, result, moved, channels_last(4))


def _image(node: Node, at: Lowering, code: str) -> tuple[int, int]:
    """The image, channels last, and the side of a block."""
    name = node.inputs[0]
    refuse_empty(at, name)
    if at.rank(name) != 4:
        raise UnsupportedError(f"its input has {at.rank(name)} axes, not 4")
    return movable(at, name, code, channels_last(4)), node.integer("blocksize", 1)


OPERATORS: Table = {"DepthToSpace": depth_to_space, "SpaceToDepth": space_to_depth}
