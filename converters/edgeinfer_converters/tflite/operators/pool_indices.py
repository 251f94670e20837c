"""MaxPool that says where the greatest values are, and MaxUnpool, which puts them back there.

The first lays the values of each window side by side, and takes ARG_MAX.
"""

from __future__ import annotations

import math

import numpy as np

from edgeinfer.frames import Array
from edgeinfer_converters.tflite.faults import UnsupportedError
from edgeinfer_converters.tflite.images import read_image, write_image
from edgeinfer_converters.tflite.lowering import Lowering, Table
from edgeinfer_converters.tflite.nodes import Node
from edgeinfer_converters.tflite.steps import combine, compute, gathered, padded, reduced, shape_of
from edgeinfer_converters.tflite.windows import Window


def write_with_indices(node: Node, at: Lowering, window: Window, image: tuple[int, ...]) -> None:
    """Both outputs of a MaxPool; of equal values the first counts. Indices are those in the whole input."""
    is_float = at.dtype(node.inputs[0]).kind == "f"
    pixels = at.cast(read_image(at, node.inputs[0]), "float32")
    batch, *_, channels = shape_of(at, pixels)
    size = math.prod(image)
    inside, places = _places(window, image)
    sides = places.shape[:-1]
    flat = at.reshape(pixels, (batch, size, channels))
    if not inside.all():
        flat = padded(at, flat, ((0, 0), (0, 1), (0, 0)), -math.inf)
    chosen = np.where(inside, places, size).reshape(-1)
    windows = (batch, math.prod(sides), places.shape[-1], channels)
    values = at.reshape(gathered(at, flat, chosen, 1), windows)
    greatest = at.reshape(reduced(at, "REDUCE_MAX", values, (2,)), (batch, *sides, channels))
    write_image(at, node.outputs[0], greatest if is_float else at.cast(greatest, "int32"))
    if node.integer("storage_order", 0):
        places = _by_column(places, image)
    numbers = _numbers(at, values, np.where(inside, places, 0), size)
    write_image(at, node.outputs[1], at.cast(at.reshape(numbers, (batch, *sides, channels)), "int64"))


def _places(window: Window, image: tuple[int, ...]) -> tuple[Array, Array]:
    """For each window and each of its places: whether it is in the image, and its index there."""
    axes = []
    for side, size, stride, step, (before, after) in zip(
        image, window.kernel, window.strides, window.dilations, window.pads, strict=True
    ):
        extent = (size - 1) * step + 1
        count = (side + before + after - extent) // stride + 1
        axes.append(np.arange(count)[:, None] * stride - before + np.arange(size) * step)
    rank = len(axes)
    spread = []
    for axis, found in enumerate(axes):
        sides = [1] * (2 * rank)
        sides[axis], sides[rank + axis] = found.shape
        spread.append(found.reshape(sides))
    inside = np.ones((1,) * (2 * rank), bool)
    index = np.zeros((1,) * (2 * rank), np.int64)
    for found, side in zip(spread, image, strict=True):
        inside = inside & (found >= 0) & (found < side)
        index = index * side + found
    counts = index.shape[:rank]
    return inside.reshape(*counts, -1), index.reshape(*counts, -1)


def _by_column(places: Array, image: tuple[int, ...]) -> Array:
    """Indices that count the first axis fastest."""
    wrapped = np.unravel_index(places.clip(0, math.prod(image) - 1), image)
    return np.ravel_multi_index(wrapped, image, order="F")


def _numbers(at: Lowering, values: int, places: Array, size: int) -> int:
    """The index in the whole input of the greatest value of each window, int32 (N, windows, channels)."""
    batch, count, within, channels = shape_of(at, values)
    first = at.add("ARG_MAX", [values, at.const(2)], (batch, count, channels), "int32", outputType="INT32")
    starts = (np.arange(count) * within).reshape(1, count, 1)
    table = at.const(places.reshape(-1).astype(np.int32))
    found = gathered(at, table, compute(at, "ADD", first, starts), 0)
    planes = np.arange(batch * channels).reshape(batch, 1, channels) * size
    return combine(at, "ADD", found, at.const(planes.astype(np.int32)))


def max_unpool(node: Node, at: Lowering) -> None:
    """MaxUnpool: values at the places that a MaxPool gave, zeros elsewhere.

    SCATTER_ND adds up what comes to the same place, so windows must not overlap.
    """
    name, result = node.inputs[0], node.outputs[0]
    kernel = node.integers("kernel_shape")
    strides = node.integers("strides", (1,) * len(kernel))
    pads = node.integers("pads", (0,) * (2 * len(kernel)))
    if any(stride < size for stride, size in zip(strides, kernel, strict=True)):
        raise UnsupportedError("its windows overlap, so that several values may come to one place")
    shape = at.shape(name)
    sides = [
        (side - 1) * stride + size - pads[axis] - pads[axis + len(kernel)]
        for axis, (side, stride, size) in enumerate(zip(shape[2:], strides, kernel, strict=True))
    ]
    whole, count = (*shape[:2], *sides), math.prod(shape)
    places = at.reshape(at.read_as(node.inputs[1], "int32"), (count, 1))
    values = at.reshape(at.read(name), (count,))
    total = math.prod(whole)
    flat = at.add("SCATTER_ND", [places, values, at.const((total,))], (total,), at.dtype(name))
    tensor, wanted = at.reshape(flat, whole), at.shape(result)
    if any(new < old for new, old in zip(wanted, whole, strict=True)):
        raise UnsupportedError("its result is smaller than the image that was pooled")
    at.write(result, padded(at, tensor, [(0, new - old) for new, old in zip(wanted, whole, strict=True)]))


OPERATORS: Table = {"MaxUnpool": max_unpool}
