"""Conv: ordinary, grouped, depthwise and dilated; over one axis as over two, and over three."""

from __future__ import annotations

import numpy as np

from edgeinfer_converters.tflite.fusing import fuse_activation
from edgeinfer_converters.tflite.images import ordered, read_image, two_axes, with_height, write_image
from edgeinfer_converters.tflite.layouts import channels_last
from edgeinfer_converters.tflite.lowering import Lowering, Table
from edgeinfer_converters.tflite.nodes import Node
from edgeinfer_converters.tflite.operators.kernels import cut_axis, joined, shape_of
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
    groups = node.integer("group", 1)
    if len(kernel) == 3:
        written = _over_three_axes(node, at, window, pixels, padding, activation, groups)
    elif groups > 1 and groups == at.shape(source)[1]:
        written = _depthwise(node, at, result, product, two_axes(window), pixels, padding, activation)
    else:
        written = _ordinary(node, at, result, product, two_axes(window), pixels, padding, activation)
    write_image(at, result, written)


def _ordinary(
    node: Node,
    at: Lowering,
    result: str,
    product: Product | None,
    window: Window,
    pixels: int,
    padding: str,
    activation: str,
) -> int:
    rank = at.rank(node.inputs[1])
    order = channels_last(rank)
    if product is None:
        weights = at.read(node.inputs[1], order)
        weights, bias = (
            at.reshape(weights, with_height(at.graph.tensors[weights].shape)),
            real_bias(node, at, at.shape(node.inputs[1])[0]),
        )
    else:
        integers = product.weights.integers.transpose(order)
        weights, bias = product.write(at, integers.reshape(with_height(integers.shape)), 0)
    return at.add(
        "CONV_2D",
        [pixels, weights, bias],
        _shape(at, result),
        "float32" if product is None else "int8",
        None if product is None else product.result,
        padding=padding,
        strideH=window.strides[0],
        strideW=window.strides[1],
        dilationHFactor=window.dilations[0],
        dilationWFactor=window.dilations[1],
        fusedActivationFunction=activation,
    )


def _depthwise(
    node: Node,
    at: Lowering,
    result: str,
    product: Product | None,
    window: Window,
    pixels: int,
    padding: str,
    activation: str,
) -> int:
    """Weights (O, 1, spatial...) become (1, spatial..., O); output channels are in the same order."""
    rank = at.rank(node.inputs[1])
    order = (1, *range(2, rank), 0)
    if product is None:
        weights = at.read(node.inputs[1], order)
        weights, bias = (
            at.reshape(weights, with_height(at.graph.tensors[weights].shape)),
            real_bias(node, at, at.shape(node.inputs[1])[0]),
        )
    else:
        integers = product.weights.integers.transpose(order)
        weights, bias = product.write(at, integers.reshape(with_height(integers.shape)), 3)
    return at.add(
        "DEPTHWISE_CONV_2D",
        [pixels, weights, bias],
        _shape(at, result),
        "float32" if product is None else "int8",
        None if product is None else product.result,
        padding=padding,
        strideH=window.strides[0],
        strideW=window.strides[1],
        dilationHFactor=window.dilations[0],
        dilationWFactor=window.dilations[1],
        depthMultiplier=at.shape(node.inputs[1])[0] // at.shape(node.inputs[0])[1],
        fusedActivationFunction=activation,
    )


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
