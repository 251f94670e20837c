"""Conv: ordinary, grouped, depthwise and dilated; over one axis as over two, and over three."""

from __future__ import annotations

import numpy as np

from edgeinfer_converters.tflite.finer import finer_way, write_dynamic, write_finer
from edgeinfer_converters.tflite.fusing import NONE, fuse_activation
from edgeinfer_converters.tflite.images import ordered, read_image, two_axes, with_height, write_image
from edgeinfer_converters.tflite.layouts import channels_last
from edgeinfer_converters.tflite.lowering import Lowering, Table
from edgeinfer_converters.tflite.nodes import Node
from edgeinfer_converters.tflite.steps import cut_axis, joined, shape_of
from edgeinfer_converters.tflite.tensors import Quant
from edgeinfer_converters.tflite.weights import Product, integer_product, real_bias
from edgeinfer_converters.tflite.windows import Window, window_of


def conv(node: Node, at: Lowering) -> None:
    """Conv: weights (O, C / groups, spatial...) become (O, spatial..., C / groups)."""
    source, filters = node.inputs[:2]
    image, kernel = at.shape(source)[2:], at.shape(filters)[2:]
    window = window_of(node, image, kernel)
    activation, result = fuse_activation(node, at)
    product = integer_product(node, at, result) if len(kernel) < 3 else None
    pixels, padding = ordered(at, read_image(at, source, stored=product is not None), two_axes(window))
    if len(kernel) == 3:
        groups = node.integer("group", 1)
        written = _over_three_axes(node, at, window, pixels, padding, activation, groups)
    else:
        written = _over_two_axes(node, at, result, product, two_axes(window), pixels, padding, activation)
    write_image(at, result, written)


def _over_two_axes(
    node: Node,
    at: Lowering,
    result: str,
    product: Product | None,
    window: Window,
    pixels: int,
    padding: str,
    activation: str,
) -> int:
    """CONV_2D or, with a group for each input channel, DEPTHWISE_CONV_2D."""
    filters, channels = at.shape(node.inputs[1])[0], at.shape(node.inputs[0])[1]
    depthwise = node.integer("group", 1) == channels > 1
    weights, bias = _weights(node, at, product, filters, depthwise=depthwise)

    def compute(pixels: int, bias: int, quant: Quant | None, activation: str = activation) -> int:
        return at.add(
            "DEPTHWISE_CONV_2D" if depthwise else "CONV_2D",
            [pixels, weights, bias],
            _shape(at, result),
            "float32" if quant is None else "int8",
            quant,
            padding=padding,
            strideH=window.strides[0],
            strideW=window.strides[1],
            dilationHFactor=window.dilations[0],
            dilationWFactor=window.dilations[1],
            fusedActivationFunction=activation,
            **({"depthMultiplier": filters // channels} if depthwise else {}),
        )

    way = None if product is None else finer_way(node, at, result)
    if product is None or way is None or (way == "dynamic" and node.integer("group", 1) > 1):
        return compute(pixels, bias, None if product is None else product.result)
    if way == "dynamic":
        reals = at.real(pixels)
        return write_dynamic(at, product, result, lambda bias: compute(reals, bias, None))

    def compute_part(shift: float, quant: Quant) -> int:
        return compute(pixels, product.write_bias(at, filters, shift), quant, NONE)

    return write_finer(at, product, result, activation, compute_part)


def _weights(
    node: Node, at: Lowering, product: Product | None, filters: int, *, depthwise: bool
) -> tuple[int, int]:
    """Weights and bias: (O, 1, spatial...) become (1, spatial..., O) if depthwise, outputs in their order."""
    rank = at.rank(node.inputs[1])
    order, axis = ((1, *range(2, rank), 0), 3) if depthwise else (channels_last(rank), 0)
    if product is not None:
        integers = product.weights.integers.transpose(order)
        return product.write(at, integers.reshape(with_height(integers.shape)), axis)
    weights = at.read(node.inputs[1], order)
    flat = at.reshape(weights, with_height(at.graph.tensors[weights].shape))
    return flat, real_bias(node, at, filters)


def _over_three_axes(
    node: Node, at: Lowering, window: Window, pixels: int, padding: str, activation: str, groups: int
) -> int:
    """CONV_3D, which has no groups: one for each, their results joined."""
    weights = at.read(node.inputs[1], (2, 3, 4, 1, 0))
    bias = real_bias(node, at, at.shape(node.inputs[1])[0])
    *_, inner, outputs = shape_of(at, weights)
    side = outputs // groups
    parts = [
        at.add(
            "CONV_3D",
            [
                cut_axis(at, pixels, 4, group * inner, inner),
                cut_axis(at, weights, 4, group * side, side),
                cut_axis(at, bias, 0, group * side, side),
            ],
            (*_shape(at, node.outputs[0])[:-1], side),
            "float32",
            padding=padding,
            strideD=window.strides[0],
            strideH=window.strides[1],
            strideW=window.strides[2],
            dilationDFactor=window.dilations[0],
            dilationHFactor=window.dilations[1],
            dilationWFactor=window.dilations[2],
            fusedActivationFunction=activation,
        )
        for group in range(groups)
    ]
    return joined(at, parts, 4)


def _shape(at: Lowering, name: str) -> tuple[int, ...]:
    shape = at.shape(name)
    return with_height(tuple(np.array(shape)[list(channels_last(len(shape)))].tolist()))


OPERATORS: Table = {"Conv": conv}
