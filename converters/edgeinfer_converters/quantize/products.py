"""The integers of all products: weights, and biases that make up for what rounding them changes."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from contextlib import nullcontext
from dataclasses import dataclass
from threading import Lock

import numpy as np
import onnx

from edgeinfer.frames import Array
from edgeinfer.profile import Integer
from edgeinfer_converters.graph.view import GraphView
from edgeinfer_converters.quantize.affine import Affine
from edgeinfer_converters.quantize.columns import Columns, columns_of
from edgeinfer_converters.quantize.execution import single_threaded
from edgeinfer_converters.quantize.fitting import fit_weights
from edgeinfer_converters.quantize.hessian import Gram
from edgeinfer_converters.quantize.operators import PRODUCTS, bias_input, channel_axis, weight_input
from edgeinfer_converters.quantize.threads import each
from edgeinfer_converters.quantize.weights import (
    FULL_BOUND,
    REDUCED_BOUND,
    IntegerWeights,
    quantize_weights,
    smallest_weight_scales,
)

_LARGE_BYTES = 4_000_000
"""Of a Gram matrix: rounding holds five times as much, and two threads would hold it twice."""


@dataclass(frozen=True)
class FittedProduct:
    """Integer weights, and the float bias with what it makes up for: one number an output channel, None where
    the product has no bias."""

    weights: IntegerWeights
    bias: Array | None


def fit_products(
    view: GraphView,
    nodes: Collection[str],
    scales: Mapping[str, Affine],
    integer: Integer,
    grams: Mapping[str, Gram],
) -> Mapping[str, FittedProduct]:
    """Those of `nodes` that are products with constant weights, by name.

    `scales` are of their inputs. Where `grams` has a product's Gram matrix its weights are rounded so that
    its output changes least, elsewhere to the nearest integer. Two threads work on it, one at a time on what
    is large.
    """
    alone = Lock()
    columns = columns_of(view)
    bound = REDUCED_BOUND if integer.reduce_range else FULL_BOUND

    def fitted(node: onnx.NodeProto) -> FittedProduct:
        values = view.constant(node.input[1])
        axis = channel_axis(node, values.ndim) if integer.per_channel else None
        bias, floor = _bias(node, view), None
        if bias is not None:
            floor = smallest_weight_scales(bias, scales[node.input[0]].scale, axis)
        name = node.name
        if name not in grams or name not in columns:
            return FittedProduct(quantize_weights(values, axis, bound=bound, smallest_scales=floor), bias)
        with alone if _gram_bytes(columns[name]) > _LARGE_BYTES else nullcontext():
            weights, change = fit_weights(
                node, values, columns[name], grams[name], axis=axis, bound=bound, smallest_scales=floor
            )
        return FittedProduct(weights, None if bias is None else bias + change)

    products = [
        node
        for node in view.nodes
        if node.name in nodes and node.op_type in PRODUCTS and weight_input(node, view) is not None
    ]
    with single_threaded():
        return dict(zip([node.name for node in products], each(fitted, products), strict=True))


def _gram_bytes(columns: Columns) -> int:
    return 8 * columns.groups * columns.blocks * columns.width**2


def _bias(node: onnx.NodeProto, view: GraphView) -> Array | None:
    """The bias as integer kernels want it, one number an output channel."""
    name = bias_input(node)
    if name is None:
        return None
    bias, shape = view.constant(name), view.shapes[node.input[1]]
    axis = channel_axis(node, len(shape))
    if node.op_type != "Gemm" or axis is None:
        return bias
    return np.broadcast_to(bias, (1, shape[axis])).reshape(-1)
