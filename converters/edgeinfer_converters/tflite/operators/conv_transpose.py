"""ConvTranspose: TRANSPOSE_CONV, or an ordinary convolution over an image that is spread out with zeros.

The second serves what the first cannot do: dilations, many groups, three axes.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import prod

import numpy as np

from edgeinfer.frames import Array
from edgeinfer_converters.tflite.faults import UnsupportedError
from edgeinfer_converters.tflite.fusing import NONE, fuse_activation
from edgeinfer_converters.tflite.images import read_image, two_axes, with_height, write_image
from edgeinfer_converters.tflite.lowering import Lowering, Table
from edgeinfer_converters.tflite.nodes import Node
from edgeinfer_converters.tflite.operators.activations import apply
from edgeinfer_converters.tflite.qdq import QuantizedConstant
from edgeinfer_converters.tflite.steps import cut, cut_axis, gathered, joined, padded, shape_of
from edgeinfer_converters.tflite.weights import Product, integer_product, real_bias
from edgeinfer_converters.tflite.windows import Window

_MAX_SPLIT = 8
"""More groups than that are computed by one convolution rather than by one each."""


@dataclass(frozen=True)
class _Task:
    """A transposed convolution: `sides` are the result's, `window.pads` are cut off."""

    window: Window
    sides: tuple[int, ...]
    groups: int
    product: Product | None
    activation: str


def conv_transpose(node: Node, at: Lowering) -> None:
    """ConvTranspose: weights (C, O / groups, spatial...)."""
    source, filters = node.inputs[:2]
    sides = at.shape(node.outputs[0])[2:]
    window = _window(node, at.shape(source)[2:], at.shape(filters)[2:], sides)
    activation, result = fuse_activation(node, at)
    groups = node.integer("group", 1)
    product = integer_product(node, at, result)
    if product is not None:
        product = _by_output(product, groups)
    task = _Task(window, sides, groups, product, activation)
    pixels = read_image(at, source, stored=product is not None)
    if max(window.dilations) == 1 and len(sides) < 3 and groups <= _MAX_SPLIT:
        written = _transposed(node, at, task, pixels)
    elif len(sides) == 3 and groups > 1:
        raise UnsupportedError("convolutions over three axes have no groups in TFLite")
    else:
        written = _spread(node, at, task, pixels)
    write_image(at, result, written)


def _window(node: Node, image: tuple[int, ...], kernel: tuple[int, ...], sides: tuple[int, ...]) -> Window:
    """The window; its pads, which may be negative behind, say what is cut off the full result."""
    ones = (1,) * len(kernel)
    strides, dilations = node.integers("strides", ones), node.integers("dilations", ones)
    whole = Window(kernel, strides, dilations, ((0, 0),) * len(kernel))
    full = [
        (side - 1) * stride + extent
        for side, stride, extent in zip(image, strides, whole.extents, strict=True)
    ]
    auto = node.text("auto_pad", "NOTSET")
    if auto in ("SAME_UPPER", "SAME_LOWER") or node.has("output_shape"):
        extra = node.integers("output_padding", (0,) * len(kernel))
        if any(extra) and not node.has("output_shape"):
            raise UnsupportedError("runtimes differ on what auto_pad SAME is with output_padding")
        totals = [max(side + more - wanted, 0) for side, more, wanted in zip(full, extra, sides, strict=True)]
        before = [total // 2 if auto == "SAME_UPPER" else total - total // 2 for total in totals]
    elif auto == "VALID":
        before = [0] * len(kernel)
    else:
        before = list(node.integers("pads", (0,) * (2 * len(kernel)))[: len(kernel)])
    if min(before) < 0:
        raise UnsupportedError("negative padding has no equal")
    pads = tuple(
        (first, side - first - wanted) for first, side, wanted in zip(before, full, sides, strict=True)
    )
    return replace(whole, pads=pads)


def _by_output(product: Product, groups: int) -> Product:
    """The scales of one group's outputs, on axis 1 of the weights, for those of all groups."""
    weights = product.weights
    if weights.axis not in (None, 1):
        raise UnsupportedError("its weights have a scale for each input channel")
    tile = groups if weights.scales.size > 1 else 1
    scales, zeros = np.tile(weights.scales.reshape(-1), tile), np.tile(weights.zero_points.reshape(-1), tile)
    return replace(product, weights=QuantizedConstant(weights.integers, scales, zeros, weights.axis))


# -- TRANSPOSE_CONV


def _transposed(node: Node, at: Lowering, task: _Task, pixels: int) -> int:
    if task.groups == 1:
        return _one_group(node, at, task, pixels, 0)
    inner = at.shape(node.inputs[1])[0] // task.groups
    parts = [
        _one_group(node, at, task, cut_axis(at, pixels, 3, group * inner, inner), group)
        for group in range(task.groups)
    ]
    return joined(at, parts, 3)


def _one_group(node: Node, at: Lowering, task: _Task, pixels: int, group: int) -> int:
    """Weights become (O, height, width, C). What the padding cannot say is cut off the full result."""
    window = two_axes(task.window)
    sides = (1, *task.sides)[-2:]
    image = shape_of(at, pixels)
    weights, bias = _group_weights(node, at, task, group)
    same = _is_same(window, image[1:3], sides)
    full = sides
    if not same:
        full = tuple(first + side for (first, _), side in zip(window.pads, sides, strict=True))
        full = tuple(
            max(side, reached) for side, reached in zip(full, _reach(window, image[1:3]), strict=True)
        )
    shape = (image[0], *full, shape_of(at, weights)[0])
    result = at.add(
        "TRANSPOSE_CONV",
        [at.const(shape), weights, pixels, bias],
        shape,
        "float32" if task.product is None else "int8",
        None if task.product is None else task.product.result,
        padding="SAME" if same else "VALID",
        strideH=window.strides[0],
        strideW=window.strides[1],
        fusedActivationFunction=task.activation,
    )
    begin = (0, *(0 if same else first for first, _ in window.pads), 0)
    return cut(at, result, begin, (shape[0], *sides, shape[3]))


def _reach(window: Window, image: tuple[int, ...]) -> list[int]:
    """The size of the full result."""
    triples = zip(image, window.strides, window.extents, strict=True)
    return [(side - 1) * stride + extent for side, stride, extent in triples]


def _is_same(window: Window, image: tuple[int, ...], sides: tuple[int, ...]) -> bool:
    """Whether TFLite's SAME cuts off what the window's pads say."""
    for side, wanted, stride, reach, (before, _) in zip(
        image, sides, window.strides, _reach(window, image), window.pads, strict=True
    ):
        if -(-wanted // stride) != side or before != max(reach - wanted, 0) // 2:
            return False
    return True


def _group_weights(node: Node, at: Lowering, task: _Task, group: int) -> tuple[int, int]:
    inputs, outputs, *kernel = at.shape(node.inputs[1])
    inner = inputs // task.groups
    order = (1, *range(2, len(kernel) + 2), 0)
    if task.product is not None:
        part = _part(task.product, group, task.groups, outputs)
        integers = part.weights.integers[group * inner : (group + 1) * inner].transpose(order)
        return part.write(at, integers.reshape(with_height(integers.shape)), 0)
    weights = cut_axis(at, at.read(node.inputs[1], order), len(kernel) + 1, group * inner, inner)
    bias = real_bias(node, at, outputs * task.groups)
    return at.reshape(weights, with_height(shape_of(at, weights))), cut_axis(
        at, bias, 0, group * outputs, outputs
    )


def _part(product: Product, group: int, groups: int, outputs: int) -> Product:
    """The scales and biases of one group."""
    if groups == 1:
        return product
    chosen = slice(group * outputs, (group + 1) * outputs)
    weights = product.weights
    if weights.scales.size > 1:
        weights = replace(weights, scales=weights.scales[chosen], zero_points=weights.zero_points[chosen])
    bias = None if product.bias is None else product.bias[chosen]
    return replace(product, weights=weights, bias=bias, name=f"{product.name}_{group}")


# -- an ordinary convolution


def _spread(node: Node, at: Lowering, task: _Task, pixels: int) -> int:
    """Zeros between the pixels and around them, then a convolution with the kernel turned around."""
    window = task.window if len(task.sides) == 3 else two_axes(task.window)
    for axis, stride in enumerate(window.strides, 1):
        pixels = with_gaps(at, pixels, axis, stride)
    around = [(0, 0)]
    begin = [0]
    for extent, stride, (before, after) in zip(window.extents, window.strides, window.pads, strict=True):
        first, last = extent - 1 - before, extent - 1 - after - (stride - 1)
        around.append((max(first, 0), max(last, 0)))
        begin.append(max(-first, 0))
    spread = padded(at, pixels, (*around, (0, 0)))
    sides = task.sides if len(task.sides) == 3 else (1, *task.sides)[-2:]
    needed = [side + extent - 1 for side, extent in zip(sides, window.extents, strict=True)]
    found = shape_of(at, spread)
    image = cut(at, spread, (*begin, 0), (found[0], *needed, found[-1]))
    if len(sides) == 3:
        return _over_three_axes(node, at, task, image)
    return _over_two_axes(node, at, task, image, window)


def with_gaps(at: Lowering, tensor: int, axis: int, stride: int) -> int:
    """stride - 1 zeros behind each index of an axis."""
    if stride == 1:
        return tensor
    shape = shape_of(at, tensor)
    apart = at.reshape(tensor, (prod(shape[:axis]), shape[axis], 1, prod(shape[axis + 1 :])))
    wide = padded(at, apart, ((0, 0), (0, 0), (0, stride - 1), (0, 0)))
    return at.reshape(wide, (*shape[:axis], shape[axis] * stride, *shape[axis + 1 :]))


def _over_two_axes(node: Node, at: Lowering, task: _Task, image: int, window: Window) -> int:
    inputs, outputs, *_ = at.shape(node.inputs[1])
    depthwise = inputs == task.groups
    if task.product is not None:
        integers = _turned_values(task.product.weights.integers, task.groups, depthwise=depthwise)
        weights, bias = task.product.write(at, integers, 3 if depthwise else 0)
    else:
        weights = _turned(node, at, task.groups, depthwise=depthwise)
        bias = real_bias(node, at, outputs * task.groups)
    found = shape_of(at, image)
    sides = [side - extent + 1 for side, extent in zip(found[1:3], window.extents, strict=True)]
    options: dict[str, int] = {"depthMultiplier": outputs} if depthwise else {}
    return at.add(
        "DEPTHWISE_CONV_2D" if depthwise else "CONV_2D",
        [image, weights, bias],
        (found[0], *sides, outputs * task.groups),
        "float32" if task.product is None else "int8",
        None if task.product is None else task.product.result,
        padding="VALID",
        strideH=1,
        strideW=1,
        dilationHFactor=window.dilations[0],
        dilationWFactor=window.dilations[1],
        fusedActivationFunction=task.activation,
        **options,
    )


def _over_three_axes(node: Node, at: Lowering, task: _Task, image: int) -> int:
    weights = at.read(node.inputs[1], (2, 3, 4, 0, 1))
    for axis in range(3):
        weights = _reversed(at, weights, axis)
    outputs = at.shape(node.inputs[1])[1]
    window = task.window
    result = at.add(
        "CONV_3D",
        [image, weights, real_bias(node, at, outputs)],
        (shape_of(at, image)[0], *task.sides, outputs),
        "float32",
        padding="VALID",
        strideD=1,
        strideH=1,
        strideW=1,
        dilationDFactor=window.dilations[0],
        dilationHFactor=window.dilations[1],
        dilationWFactor=window.dilations[2],
        fusedActivationFunction=NONE,
    )
    return result if task.activation == NONE else apply(at, task.activation, result)


def _turned(node: Node, at: Lowering, groups: int, *, depthwise: bool) -> int:
    """The weights of the ordinary convolution: turned around, inputs and outputs swapped."""
    name = node.inputs[1]
    values = at.constant(name)
    if values is not None:
        return at.const(_turned_values(values, groups, depthwise=depthwise))
    inputs, outputs, *kernel = at.shape(name)
    height, width = (1, *kernel)[-2:]
    if depthwise or groups == 1:
        order = (*range(2, len(kernel) + 2), 0, 1) if depthwise else (1, *range(2, len(kernel) + 2), 0)
        weights = at.read(name, order)
        sides = (1, height, width, inputs * outputs) if depthwise else (outputs, height, width, inputs)
        return _reversed(at, _reversed(at, at.reshape(weights, sides), 1), 2)
    raise UnsupportedError("weights of many groups must be known before the model runs")


def _turned_values(values: Array, groups: int, *, depthwise: bool) -> Array:
    """(C, O / groups, spatial...) as (O, height, width, C / groups), or (1, height, width, O)."""
    inputs, outputs, *kernel = values.shape
    height, width = (1, *kernel)[-2:]
    apart = values.reshape(groups, inputs // groups, outputs, height, width)[..., ::-1, ::-1]
    if depthwise:
        return apart.transpose(1, 3, 4, 0, 2).reshape(1, height, width, -1)
    return apart.transpose(0, 2, 3, 4, 1).reshape(-1, height, width, inputs // groups)


def _reversed(at: Lowering, tensor: int, axis: int) -> int:
    found = at.graph.tensors[tensor]
    if found.data is not None and found.quant is None:
        return at.const(np.flip(found.data, axis))
    return gathered(at, tensor, np.arange(found.shape[axis])[::-1], axis)


OPERATORS: Table = {"ConvTranspose": conv_transpose}
