"""Blocks of pixels that become channels or pictures, and back."""

from __future__ import annotations

import math

from edgeinfer.errors import ModelError
from edgeinfer_converters.importers.tflite_graph.step import Step


def space_to_depth(step: Step) -> None:
    """Each block of pixels becomes the channels of one."""
    step.write(step.emit("SpaceToDepth", step.planes(0), blocksize=_block_side(step)), planes=True)


def depth_to_space(step: Step) -> None:
    """The channels of each pixel become a block."""
    name = step.emit("DepthToSpace", step.planes(0), blocksize=_block_side(step), mode="DCR")
    step.write(name, planes=True)


def space_to_batch(step: Step) -> None:
    """Each place in a block becomes a picture of its own, the pictures of one place one behind the other."""
    blocks, (starts, ends) = _blocks(step), _sides(step, "padding")
    tensor, many = step.tensor(0), len(blocks)
    rest = [tensor.size(axis) for axis in range(1 + many, tensor.rank)]
    pads = [0, *starts, *[0] * len(rest), 0, *ends, *[0] * len(rest)]
    name = step.emit("Pad", step.rows(0), step.constant(pads))
    cut = [-1]
    for axis, (block, start, end) in enumerate(zip(blocks, starts, ends, strict=True), start=1):
        cut += [_divided(step, tensor.size(axis) + start + end, block), block]
    name = step.emit("Reshape", name, step.constant([*cut, *rest]))
    inner, outer = [2 * axis + 2 for axis in range(many)], [2 * axis + 1 for axis in range(many)]
    order = [*inner, 0, *outer, *range(1 + 2 * many, 1 + 2 * many + len(rest))]
    name = step.emit("Transpose", name, perm=order)
    step.write(step.emit("Reshape", name, step.constant([-1, *cut[1::2], *rest])))


def batch_to_space(step: Step) -> None:
    """The pictures of each place go back into blocks, whose borders are cut off."""
    blocks, (starts, ends) = _blocks(step), _sides(step, "crops")
    tensor, many = step.tensor(0), len(blocks)
    sizes = [tensor.size(axis) for axis in range(1, tensor.rank)]
    name = step.emit("Reshape", step.rows(0), step.constant([*blocks, -1, *sizes]))
    order = [many]
    for axis in range(many):
        order += [many + 1 + axis, axis]
    name = step.emit("Transpose", name, perm=[*order, *range(1 + 2 * many, many + 1 + len(sizes))])
    whole = [size * block for size, block in zip(sizes, blocks, strict=False)]
    name = step.emit("Reshape", name, step.constant([-1, *whole, *sizes[many:]]))
    stops = [size - end for size, end in zip(whole, ends, strict=True)]
    bounds = map(step.constant, (starts, stops, list(range(1, many + 1))))
    step.write(step.emit("Slice", name, *bounds))


def _block_side(step: Step) -> int:
    side, rank = step.options.whole("blockSize"), step.tensor(0).rank
    if side < 1 or rank != 4:
        raise ModelError(f"{step.where} has blocks of {side} on a tensor of rank {rank}")
    return side


def _blocks(step: Step) -> list[int]:
    blocks, rank = step.wholes(1, "block shape"), step.tensor(0).rank
    if not 1 <= len(blocks) < rank or min(blocks) < 1 or math.prod(blocks) > 2**31:
        raise ModelError(f"{step.where} has blocks {blocks} on a tensor of rank {rank}")
    return blocks


def _sides(step: Step, what: str) -> tuple[list[int], list[int]]:
    sides = step.wholes(2, what)
    if len(sides) != 2 * len(_blocks(step)) or not all(0 <= side < 2**24 for side in sides):
        raise ModelError(f"{step.where}: {sides} are no {what}")
    return sides[::2], sides[1::2]


def _divided(step: Step, size: int, block: int) -> int:
    if size % block:
        raise ModelError(f"{step.where}: {size} rows or columns do not make blocks of {block}")
    return size // block
