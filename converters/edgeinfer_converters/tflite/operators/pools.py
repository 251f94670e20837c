"""Pools: over windows, and over the whole image."""

from __future__ import annotations

import math

import numpy as np

from edgeinfer.frames import Array
from edgeinfer_converters.tflite.faults import UnsupportedError
from edgeinfer_converters.tflite.images import pad_image, read_image, two_axes, write_image
from edgeinfer_converters.tflite.lowering import Lowering, Table
from edgeinfer_converters.tflite.nodes import Node
from edgeinfer_converters.tflite.windows import Window, window_of

LOWEST = float(np.finfo(np.float32).min)


def max_pool(node: Node, at: Lowering) -> None:
    """MaxPool. Borders are the lowest number, as ONNX leaves them out."""
    window, image = _window(node, at)
    if len([name for name in node.outputs if name]) > 1:
        raise UnsupportedError("the indices of the greatest values have no equal")
    stored = at.quant(node.inputs[0]) is not None
    pixels = read_image(at, node.inputs[0], stored=stored)
    padding = window.padding(image)
    if padding is None:
        pixels, padding = _with_lowest(at, pixels, window, stored=stored), "VALID"
    write_image(at, node.outputs[0], _pool("MAX_POOL_2D", at, window, pixels, padding))


def average_pool(node: Node, at: Lowering) -> None:
    """AveragePool. SAME leaves out the borders, as ONNX does unless told to count them."""
    window, image = _window(node, at)
    if window.kernel == image and not window.is_padded:
        global_average(node, at)
        return
    counted = bool(node.integer("count_include_pad", 0))
    padding = "VALID" if not window.is_padded else None if counted else window.padding(image)
    stored = at.is_integer(node) and padding is not None
    pixels = read_image(at, node.inputs[0], stored=stored)
    if padding is None:
        pixels = pad_image(at, pixels, window.pads)
    result = _pool("AVERAGE_POOL_2D", at, window, pixels, padding or "VALID")
    if padding is None and not counted:
        result = _without_borders(at, result, window, image)
    target = at.target(node.outputs[0])
    if stored and target is not None:
        result = at.requantize(result, target)
    write_image(at, node.outputs[0], result)


def global_average(node: Node, at: Lowering) -> None:
    """GlobalAveragePool: the mean over the spatial axes."""
    _over_all(node, at, "MEAN")


def global_max(node: Node, at: Lowering) -> None:
    """GlobalMaxPool."""
    _over_all(node, at, "REDUCE_MAX")


def _window(node: Node, at: Lowering) -> tuple[Window, tuple[int, ...]]:
    image = at.shape(node.inputs[0])[2:]
    window = window_of(node, image, node.integers("kernel_shape"))
    if any(step != 1 for step in window.dilations):
        raise UnsupportedError("pools with gaps (dilations) have no equal")
    if len(image) > 2:
        raise UnsupportedError("pools over three axes have no equal")
    if node.integer("ceil_mode", 0):
        window = _to_the_end(window, image, at.shape(node.outputs[0])[2:])
    flat = two_axes(window)
    return flat, image if len(image) == 2 else (1, *image)


def _to_the_end(window: Window, image: tuple[int, ...], result: tuple[int, ...]) -> Window:
    """`ceil_mode` as borders behind: the last window may reach beyond the image."""
    pads = []
    for side, extent, stride, (before, after), count in zip(
        image, window.extents, window.strides, window.pads, result, strict=True
    ):
        pads.append((before, max(after, (count - 1) * stride + extent - side - before)))
    return Window(window.kernel, window.strides, window.dilations, tuple(pads))


def _with_lowest(at: Lowering, pixels: int, window: Window, *, stored: bool) -> int:
    """Borders that no maximum takes. The zero of 8 bits would be taken, so these are padded by its lowest."""
    quant = at.graph.tensors[pixels].quant
    if not stored or quant is None:
        return pad_image(at, pixels, window.pads, LOWEST)
    found = at.graph.tensors[pixels]
    around = ((0, 0), *window.pads, (0, 0))
    shape = [side + before + after for side, (before, after) in zip(found.shape, around, strict=True)]
    lowest = at.graph.constant(np.array(-128, np.int8), "lowest", quant)
    return at.add("PADV2", [pixels, at.const(around), lowest], shape, "int8", quant)


def _pool(code: str, at: Lowering, window: Window, pixels: int, padding: str) -> int:
    found = at.graph.tensors[pixels]
    sides = [
        -(-side // stride) if padding == "SAME" else (side - size) // stride + 1
        for side, size, stride in zip(found.shape[1:3], window.kernel, window.strides, strict=True)
    ]
    return at.add(
        code,
        [pixels],
        (found.shape[0], *sides, found.shape[3]),
        found.dtype,
        found.quant,
        padding=padding,
        strideH=window.strides[0],
        strideW=window.strides[1],
        filterHeight=window.kernel[0],
        filterWidth=window.kernel[1],
        fusedActivationFunction="NONE",
    )


def _without_borders(at: Lowering, result: int, window: Window, image: tuple[int, ...]) -> int:
    """Sums were divided by all of the window: make up for the part that lies on the borders."""
    shares = [
        _share(side, size, stride, before, count)
        for side, size, stride, (before, _), count in zip(
            image,
            window.kernel,
            window.strides,
            window.pads,
            at.graph.tensors[result].shape[1:3],
            strict=True,
        )
    ]
    factors = math.prod(window.kernel) / np.outer(*shares)
    by_place = at.const(factors.astype(np.float32).reshape(1, *factors.shape, 1))
    found = at.graph.tensors[result]
    return at.add("MUL", [result, by_place], found.shape, "float32", fusedActivationFunction="NONE")


def _share(side: int, size: int, stride: int, before: int, count: int) -> Array:
    """How many values of the image each window holds along one axis."""
    starts = np.arange(count) * stride - before
    return np.minimum(starts + size, side) - np.maximum(starts, 0)


def _over_all(node: Node, at: Lowering, code: str) -> None:
    stored = at.is_integer(node)
    pixels = read_image(at, node.inputs[0], stored=stored)
    found = at.graph.tensors[pixels]
    axes = tuple(range(1, len(found.shape) - 1))
    quant = found.quant if code == "REDUCE_MAX" else at.target(node.outputs[0])
    sides = (found.shape[0], *(1,) * len(axes), found.shape[-1])
    reduced = at.add(
        code, [pixels, at.const(axes)], sides, found.dtype, quant if stored else None, keepDims=True
    )
    write_image(at, node.outputs[0], reduced)


OPERATORS: Table = {
    "AveragePool": average_pool,
    "GlobalAveragePool": global_average,
    "GlobalMaxPool": global_max,
    "MaxPool": max_pool,
}
