"""Pools: over windows of one to three axes, and over the whole image.

TFLite's pools have two axes and no gaps: a third axis is pooled by itself, and with gaps (dilations) the
values of each window are gathered side by side first.
"""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
from onnx import helper

from edgeinfer_converters.tflite.faults import UnsupportedError
from edgeinfer_converters.tflite.images import pad_image, read_image, two_axes, write_image
from edgeinfer_converters.tflite.layouts import stored_axis
from edgeinfer_converters.tflite.lowering import Lowering, Table
from edgeinfer_converters.tflite.means import is_small, write_mean, write_window_means
from edgeinfer_converters.tflite.nodes import Node
from edgeinfer_converters.tflite.operators.activations import apply
from edgeinfer_converters.tflite.operators.pool_indices import write_with_indices
from edgeinfer_converters.tflite.steps import (
    compute,
    gathered,
    reduced,
    shape_of,
    with_number,
)
from edgeinfer_converters.tflite.windows import (
    Pair,
    Window,
    is_beyond,
    is_larger,
    share,
    to_the_end,
    window_of,
)

LOWEST = float(np.finfo(np.float32).min)


def max_pool(node: Node, at: Lowering) -> None:
    """MaxPool. Borders are the lowest number, as ONNX leaves them out."""
    window, image, _ = _window(node, at)
    is_float = at.dtype(node.inputs[0]).kind == "f"
    if any(node.outputs[1:]):
        write_with_indices(node, at, window, image)
        return
    stored = at.quant(node.inputs[0]) is not None
    pixels = read_image(at, node.inputs[0], stored=stored)
    if not is_float and not stored:
        pixels = at.cast(pixels, "float32")  # small integers: exact
    padding = window.padding(image) if _is_plain(window) else None
    if padding is not None:
        result = _pool("MAX_POOL_2D", at, window, pixels, padding)
    else:
        result = _pool_all("MAX_POOL_2D", at, window, _with_lowest(at, pixels, window, stored=stored))
    write_image(at, node.outputs[0], result if is_float or stored else at.cast(result, "int32"))


def average_pool(node: Node, at: Lowering) -> None:
    """AveragePool. SAME leaves out the borders, as ONNX does unless told to count them."""
    window, image, pads = _window(node, at)
    if _is_plain(window) and window.kernel == image and not window.is_padded:
        global_average(node, at)
        return
    counted = bool(node.integer("count_include_pad", 0))
    target = at.target(node.outputs[0]) if at.is_integer(node) else None
    if target is not None and _are_zeros(window, pads, counted=counted) and is_small(window):
        pixels = read_image(at, node.inputs[0], stored=True)
        write_image(at, node.outputs[0], write_window_means(at, pixels, window, target))
        return
    padding = None
    if _is_plain(window):
        padding = "VALID" if not window.is_padded else None if counted else window.padding(image)
    stored = target is not None and padding is not None
    pixels = read_image(at, node.inputs[0], stored=stored)
    if padding is not None:
        result = _pool("AVERAGE_POOL_2D", at, window, pixels, padding)
    else:
        result = _pool_all("AVERAGE_POOL_2D", at, window, pad_image(at, pixels, window.pads))
        result = _without_borders(at, result, window, image, pads if counted else None)
    if stored and target is not None:
        result = at.requantize(result, target)
    write_image(at, node.outputs[0], result)


def _are_zeros(window: Window, pads: tuple[Pair, ...], *, counted: bool) -> bool:
    """Whether each value of a window counts, those of the borders as zeros."""
    return _is_plain(window) and (not window.is_padded or (counted and window.pads == pads))


def lp_pool(node: Node, at: Lowering) -> None:
    """LpPool: the root of the sum of powers; borders count nothing."""
    window, _, _ = _window(node, at)
    power = node.integer("p", 2)
    powers = _powers(at, read_image(at, node.inputs[0]), power)
    means = _pool_all("AVERAGE_POOL_2D", at, window, pad_image(at, powers, window.pads))
    write_image(
        at, node.outputs[0], _root(at, with_number(at, "MUL", means, math.prod(window.kernel)), power)
    )


def global_average(node: Node, at: Lowering) -> None:
    """GlobalAveragePool: the mean over the spatial axes."""
    _over_all(node, at, "MEAN")


def global_max(node: Node, at: Lowering) -> None:
    """GlobalMaxPool."""
    _over_all(node, at, "REDUCE_MAX")


def global_lp(node: Node, at: Lowering) -> None:
    """GlobalLpPool."""
    name, layout, power = node.inputs[0], at.layout(node.inputs[0]), node.integer("p", 2)
    sums = reduced(at, "SUM", _powers(at, at.read(name, layout), power), _spatial(at, name))
    at.write(node.outputs[0], _root(at, sums, power), layout)


def _window(node: Node, at: Lowering) -> tuple[Window, tuple[int, ...], tuple[Pair, ...]]:
    """The window over two or three axes, with borders to the end of the last one; the size of the image; and
    the borders that the node has by itself."""
    image = at.shape(node.inputs[0])[2:]
    window = window_of(node, image, node.integers("kernel_shape"))
    if node.text("auto_pad", "NOTSET").startswith("SAME") and window.extents != window.kernel:
        raise UnsupportedError("runtimes differ on what auto_pad SAME is with dilations")
    if is_larger(window, image):
        raise UnsupportedError("its window is larger than the image with its borders")
    if not 1 <= len(image) <= 3:
        raise UnsupportedError(f"pools over {len(image)} axes have no equal")
    flat = two_axes(window)
    image = image if len(image) > 1 else (1, *image)
    if node.integer("ceil_mode", 0):
        _without_late_windows(node, at, window)
    result = at.shape(node.outputs[0])[2:]
    whole = to_the_end(flat, image, result if len(result) > 1 else (1, *result))
    if is_beyond(whole, image):
        raise UnsupportedError("a window lies on the borders altogether")
    return whole, image, flat.pads


def _without_late_windows(node: Node, at: Lowering, window: Window) -> None:
    """A window that would begin behind the image is none, though onnx infers one in old opsets."""
    shape = at.shape(node.inputs[0])
    counts = []
    for side, extent, stride, (before, after) in zip(
        shape[2:], window.extents, window.strides, window.pads, strict=True
    ):
        count = -(-(side + before + after - extent) // stride) + 1
        counts.append(count - ((count - 1) * stride >= side + before))
    for name in filter(None, node.outputs):
        kind = at.facts.types[name].tensor_type.elem_type
        at.facts.types[name] = helper.make_tensor_type_proto(kind, (*shape[:2], *counts))


def _is_plain(window: Window) -> bool:
    """Whether one kernel of TFLite does: two axes without gaps."""
    return len(window.kernel) == 2 and max(window.dilations) == 1


def _with_lowest(at: Lowering, pixels: int, window: Window, *, stored: bool) -> int:
    """Borders that no maximum takes. The zero of 8 bits would be taken, so these are padded by its lowest."""
    if not window.is_padded:
        return pixels
    found = at.graph.tensors[pixels]
    if not stored or found.quant is None:
        return pad_image(at, pixels, window.pads, LOWEST)
    around = ((0, 0), *window.pads, (0, 0))
    shape = [side + before + after for side, (before, after) in zip(found.shape, around, strict=True)]
    lowest = at.graph.constant(np.array(-128, np.int8), "lowest", found.quant)
    return at.add("PADV2", [pixels, at.const(around), lowest], shape, "int8", found.quant)


def _pool_all(code: str, at: Lowering, window: Window, pixels: int) -> int:
    """A pool of any window over an image that has its borders already."""
    window, pixels = _without_gaps(at, window, pixels)
    if len(window.kernel) == 2:
        return _pool(code, at, window, pixels, "VALID")
    batch, depth, *image, channels = shape_of(at, pixels)
    flat = at.reshape(pixels, (batch * depth, *image, channels))
    level = Window(window.kernel[1:], window.strides[1:], (1, 1), ((0, 0), (0, 0)))
    pooled = _pool(code, at, level, flat, "VALID")
    _, height, width, _ = shape_of(at, pooled)
    upright = Window((window.kernel[0], 1), (window.strides[0], 1), (1, 1), ((0, 0), (0, 0)))
    result = _pool(code, at, upright, at.reshape(pooled, (batch, depth, height * width, channels)), "VALID")
    return at.reshape(result, (batch, shape_of(at, result)[1], height, width, channels))


def _without_gaps(at: Lowering, window: Window, pixels: int) -> tuple[Window, int]:
    """Along each axis with gaps the values of a window side by side, window after window."""
    strides = list(window.strides)
    for axis, (size, stride, step, extent) in enumerate(
        zip(window.kernel, window.strides, window.dilations, window.extents, strict=True)
    ):
        if step == 1 or size == 1:
            continue
        count = (shape_of(at, pixels)[axis + 1] - extent) // stride + 1
        places = np.arange(count)[:, None] * stride + np.arange(size) * step
        pixels, strides[axis] = gathered(at, pixels, places.reshape(-1), axis + 1), size
    return replace(window, strides=tuple(strides), dilations=(1,) * len(strides)), pixels


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


def _without_borders(
    at: Lowering, result: int, window: Window, image: tuple[int, ...], counted: tuple[Pair, ...] | None
) -> int:
    """Sums were divided by all of the window: make up for the part that lies on the borders.

    `counted`: borders that count like the image.
    """
    none = ((0, 0),) * len(image)
    shares = [
        share(window, axis, side, count, (counted or none)[axis])
        for axis, (side, count) in enumerate(zip(image, shape_of(at, result)[1:-1], strict=True))
    ]
    whole = math.prod(window.kernel)
    counts = math.prod(np.ix_(*shares), start=np.ones((), np.int64))
    if (counts == whole).all():
        return result
    return compute(at, "MUL", result, (whole / counts)[None, ..., None])


def _powers(at: Lowering, tensor: int, power: int) -> int:
    if power == 2:
        return apply(at, "SQUARE", tensor)
    sizes = apply(at, "ABS", tensor)
    return sizes if power == 1 else with_number(at, "POW", sizes, power)


def _root(at: Lowering, tensor: int, power: int) -> int:
    if power == 2:
        return apply(at, "SQRT", tensor)
    return tensor if power == 1 else with_number(at, "POW", tensor, 1.0 / power)


def _spatial(at: Lowering, name: str) -> tuple[int, ...]:
    """Where the axes of the image are."""
    layout = at.layout(name)
    if len(layout) < 3:
        raise UnsupportedError("its input has no spatial axes")
    return tuple(sorted(stored_axis(axis, layout) for axis in range(2, len(layout))))


def _over_all(node: Node, at: Lowering, code: str) -> None:
    name = node.inputs[0]
    if at.rank(name) not in (3, 4, 5):
        layout = at.layout(name)
        at.write(node.outputs[0], reduced(at, code, at.read(name, layout), _spatial(at, name)), layout)
        return
    target = at.target(node.outputs[0]) if at.is_integer(node) else None
    pixels = read_image(at, name, stored=target is not None)
    found = at.graph.tensors[pixels]
    axes = tuple(range(1, len(found.shape) - 1))
    sides = (found.shape[0], *(1,) * len(axes), found.shape[-1])
    if target is not None and code == "MEAN":
        result = write_mean(at, pixels, axes, sides, target)
    else:
        result = at.add(code, [pixels, at.const(axes)], sides, found.dtype, found.quant, keepDims=True)
    write_image(at, node.outputs[0], result)


OPERATORS: Table = {
    "AveragePool": average_pool,
    "GlobalAveragePool": global_average,
    "GlobalLpPool": global_lp,
    "GlobalMaxPool": global_max,
    "LpPool": lp_pool,
    "MaxPool": max_pool,
}
