"""Resize in the forms that TFLite computes alike."""

from __future__ import annotations

from edgeinfer_converters.tflite.faults import UnsupportedError
from edgeinfer_converters.tflite.images import read_image, write_image
from edgeinfer_converters.tflite.lowering import Lowering, Table
from edgeinfer_converters.tflite.nodes import Node

_HALF_PIXEL = ("half_pixel", "pytorch_half_pixel")


def resize(node: Node, at: Lowering) -> None:
    """Resize of height and width, nearest or linear."""
    name, result = node.inputs[0], node.outputs[0]
    before, after = at.shape(name), at.shape(result)
    if len(before) != 4 or before[:2] != after[:2]:
        raise UnsupportedError("only height and width of images can be resized")
    mode = node.text("mode", "nearest")
    if mode == "nearest":
        _nearest(node, at)
    elif mode == "linear":
        _linear(node, at)
    else:
        raise UnsupportedError(f"the interpolation `{mode}` has no equal")


def _nearest(node: Node, at: Lowering) -> None:
    transform = node.text("coordinate_transformation_mode", "half_pixel")
    rounding = node.text("nearest_mode", "round_prefer_floor")
    before, after = at.shape(node.inputs[0])[2:], at.shape(node.outputs[0])[2:]
    whole = all(new % old == 0 for old, new in zip(before, after, strict=True))
    same = whole and (
        (transform == "asymmetric" and rounding == "floor")
        or (transform in _HALF_PIXEL and rounding in ("round_prefer_floor", "round_prefer_ceil"))
    )
    if not same and not (transform == "asymmetric" and rounding == "floor"):
        raise UnsupportedError(f"nearest with `{transform}` and `{rounding}` has no equal")
    _write(node, at, "RESIZE_NEAREST_NEIGHBOR", align=False, half=False)


def _linear(node: Node, at: Lowering) -> None:
    transform = node.text("coordinate_transformation_mode", "half_pixel")
    if node.integer("antialias", 0):
        raise UnsupportedError("antialiasing has no equal")
    if transform not in (*_HALF_PIXEL, "align_corners", "asymmetric"):
        raise UnsupportedError(f"linear with `{transform}` has no equal")
    _write(
        node,
        at,
        "RESIZE_BILINEAR",
        align=transform == "align_corners",
        half=transform in _HALF_PIXEL,
    )


def _write(node: Node, at: Lowering, code: str, *, align: bool, half: bool) -> None:
    stored = at.is_integer(node, node.inputs[0])
    pixels = read_image(at, node.inputs[0], stored=stored)
    found = at.graph.tensors[pixels]
    sides = at.shape(node.outputs[0])[2:]
    shape = (found.shape[0], *sides, found.shape[3])
    resized = at.add(
        code,
        [pixels, at.const(sides)],
        shape,
        found.dtype,
        found.quant,
        alignCorners=align,
        halfPixelCenters=half,
    )
    write_image(at, node.outputs[0], resized)


OPERATORS: Table = {"Resize": resize}
