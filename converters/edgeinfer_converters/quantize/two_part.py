"""Products whose input is quantized in two parts: 8 bits, and what these leave over in another 8.

x = s q + (s / 16) r, with q = Q(x) as ever and r = Q(x - s q) at a scale 16 times finer. The product is
computed for both parts, with the same integer weights, and the two float results are added: the noise of
the input's rounding falls by 24 dB for one more integer product. Worth it for few tensors, such as late
residual streams, whose values are spread too wide for 256 levels.
"""

from __future__ import annotations

import numpy as np
import onnx
from onnx import helper

from edgeinfer_converters.graph.view import GraphView
from edgeinfer_converters.quantize.affine import Affine, normal_scale
from edgeinfer_converters.quantize.emitter import Emitter
from edgeinfer_converters.quantize.weights import IntegerWeights

FINENESS = 16
"""The rest is at most half a step, 17 levels at this fineness; the others serve what the first part cuts
off."""

_SUM = "_sum"


def write_two_parts(emitter: Emitter, product: onnx.NodeProto, values: str, affine: Affine) -> None:
    """Write a Gemm whose input 0 is the dequantized tensor `values`, which must exist in float too."""
    fine = Affine(normal_scale(affine.scale / FINENESS), affine.form.middle, affine.form)
    result, name = product.output[0], product.name
    names = {part: emitter.free(f"{result}_{part}") for part in ("rest", "coarse", "fine")}
    product.output[0] = names["coarse"]
    emitter.add(product)
    emitter.add(helper.make_node("Sub", [values, product.input[0]], [names["rest"]], f"{name}_rest"))
    rest = emitter.dequantize(emitter.quantize(names["rest"], fine, names["rest"]), fine, names["rest"])
    second = onnx.NodeProto()
    second.CopyFrom(product)
    second.name = f"{name}_fine"
    del second.input[2:]
    second.input[0], second.output[0] = rest, names["fine"]
    emitter.add(second)
    emitter.add(helper.make_node("Add", [names["coarse"], names["fine"]], [result], f"{name}{_SUM}"))


def write_doubled(emitter: Emitter, product: onnx.NodeProto, values: str, affine: Affine) -> None:
    """Give a convolution, not yet written, both parts of its input as channels of one tensor.

    `values` exists in float too. Its weights must be `with_rest`. The rest is stored times FINENESS, so that
    one scale holds for both; it needs weights that are as many times smaller, whose own rounding is small
    against what the rest makes up for. Everything is integer, and the product has an integer result.
    """
    names = {part: emitter.free(f"{values}_{part}") for part in ("rest", "fine", "parts")}
    coarse = product.input[0]
    factor = emitter.initializer(f"{values}_fineness", np.array(FINENESS, np.float32))
    emitter.add(helper.make_node("Sub", [values, coarse], [names["rest"]], emitter.free(f"{values}_sub")))
    emitter.add(
        helper.make_node("Mul", [names["rest"], factor], [names["fine"]], emitter.free(f"{values}_mul"))
    )
    fine = emitter.dequantize(emitter.quantize(names["fine"], affine, values), affine, values)
    emitter.add(
        helper.make_node("Concat", [coarse, fine], [names["parts"]], emitter.free(f"{values}_cat"), axis=1)
    )
    product.input[0] = emitter.dequantize(emitter.quantize(names["parts"], affine, values), affine, values)


def with_rest(weights: IntegerWeights) -> IntegerWeights:
    """Convolution weights for both parts of the input, see `write_doubled`."""
    fine = np.rint(weights.stored / FINENESS).astype(weights.stored.dtype)
    return IntegerWeights(np.concatenate([weights.stored, fine], axis=1), weights.scales, weights.axis)


def result_of(node: onnx.NodeProto, view: GraphView) -> str:
    """The tensor that holds a product's result: that of the sum, where its input has two parts."""
    readers = view.readers.get(node.output[0], ())
    if len(readers) == 1 and readers[0].op_type == "Add" and readers[0].name == f"{node.name}{_SUM}":
        return str(readers[0].output[0])
    return str(node.output[0])
