"""Weights and biases of products: as floats, or as the integers that the quantizer chose."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from edgeinfer.frames import Array
from edgeinfer_converters.tflite.lowering import Lowering
from edgeinfer_converters.tflite.nodes import Node
from edgeinfer_converters.tflite.qdq import QuantizedConstant
from edgeinfer_converters.tflite.tensors import Quant

_BIAS_LIMIT = 2**31 - 1

_LARGEST_STEP = 128.0
"""Of a sum, in steps of the result. XNNPACK refuses whole files from 256 on (operators/convolution-nhwc.c,
requantization_scale), and results that are written finer have half the step."""


@dataclass(frozen=True)
class Product:
    """A convolution or matrix product that is computed with integers.

    `bias`: real numbers, one an output channel; None for zeros. `source`, `result`: scales of input and
    result.
    """

    weights: QuantizedConstant
    bias: Array | None
    source: Quant
    result: Quant
    name: str

    def write(self, at: Lowering, integers: Array, axis: int) -> tuple[int, int]:
        """Store weights, given in TFLite's order with output channels on `axis`, and bias."""
        scales = self.weights.scales.reshape(-1)
        quant = Quant(tuple(scales.tolist()), (0,) * len(scales), axis if len(scales) > 1 else 0)
        stored = at.graph.constant(integers, f"{self.name}_weights", quant)
        return stored, self.write_bias(at, integers.shape[axis])

    def write_bias(self, at: Lowering, channels: int, shift: float = 0.0) -> int:
        """Store the bias less a shift, at the scale of the sums."""
        steps = self.weights.scales.reshape(-1).astype(np.float64) * self.source.scales[0]
        real = np.zeros(channels) if self.bias is None else self.bias.astype(np.float64)
        bias = np.rint((real - shift) / steps).clip(-_BIAS_LIMIT, _BIAS_LIMIT)
        scales = tuple(steps.astype(np.float32).tolist())
        by_channel = Quant(scales, (0,) * len(scales), 0)
        return at.graph.constant(bias.astype(np.int32), f"{self.name}_bias", by_channel)


def integer_product(node: Node, at: Lowering, result: str) -> Product | None:
    """How a product is computed with integers; None where its input, weights or result are floats, or where a
    single step of the sums would be many of the result.

    Weights must be symmetric int8, with a scale for each output channel or one for all.
    """
    source, target = at.quant(node.inputs[0]), at.target(result)
    weights = at.quantized_constant(node.inputs[1])
    if source is None or target is None or weights is None or node.inputs[0] not in at.values:
        return None
    if weights.integers.dtype != np.int8 or weights.zero_points.any():
        return None
    if float(weights.scales.max()) * source.scales[0] >= _LARGEST_STEP * target.scales[0]:
        return None
    name = node.input(2)
    bias = at.constant(name) if name else None
    if name and (bias is None or bias.ndim != 1):
        return None
    return Product(weights, bias, source, target, node.name)


def real_bias(node: Node, at: Lowering, channels: int, index: int = 2) -> int:
    """The bias of a convolution in float, zeros where ONNX has none: the kernels want one."""
    name = node.input(index)
    return at.read(name) if name else at.const(np.zeros(channels, np.float32))
