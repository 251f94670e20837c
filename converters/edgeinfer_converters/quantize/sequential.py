"""Refining a quantized model layer by layer: each bias is corrected with the layers before it as they are.

The float model and the QDQ model advance side by side, from product to product.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import zip_longest

import numpy as np
import onnx
from onnx import numpy_helper

from edgeinfer_converters.graph.shapes import infer_shapes
from edgeinfer_converters.graph.weights import outlined
from edgeinfer_converters.quantize.activations import activation_behind
from edgeinfer_converters.quantize.affordable import affordable
from edgeinfer_converters.quantize.bias import Floats, Shift, correction, measure_shift
from edgeinfer_converters.quantize.operators import PRODUCTS, bias_input
from edgeinfer_converters.quantize.pair import Half, Pair, Samples
from edgeinfer_converters.quantize.segments import PlainConstants, Values, with_plain_constants
from edgeinfer_converters.quantize.threads import each
from edgeinfer_converters.quantize.two_part import result_of

MEMORY_BYTES = 20_000_000


def correct_biases(
    reference: onnx.ModelProto, quantized: onnx.ModelProto, samples: Samples, count: int
) -> onnx.ModelProto:
    """The QDQ model with int32 biases such that the products' mean outputs are those of the float model.

    `quantized` was made from `reference` and has its node names. `samples` yields the same `count` inputs
    each time, of which as many are used as can be afforded. Products without a bias, or with one that
    another node shares, stay as they are.
    """
    corrected = onnx.ModelProto()
    corrected.CopyFrom(quantized)
    names = _correctable(reference, quantized)
    pair = _Biases(reference, quantized, samples, affordable(reference, count))
    constants = {tensor.name: tensor for tensor in corrected.graph.initializer}
    for name, following in zip_longest(names, names[1:]):
        pair.advance_to(name, following)
        change = correction(pair.shifts(name))
        stored, applied = _changed_bias(corrected, constants, name, change)
        constants[stored.name].CopyFrom(stored)
        pair.shift(name, applied)
    return corrected


def _correctable(reference: onnx.ModelProto, quantized: onnx.ModelProto) -> list[str]:
    """Names of the products whose bias can be changed alone, in topological order."""
    dequantized = _dequantizers(quantized)
    kept = {node.name for node in reference.graph.node}
    biases = [
        (node.name, dequantized[node.input[2]].input[0])
        for node in quantized.graph.node
        if node.op_type in PRODUCTS and node.name in kept and bias_input(node) in dequantized
    ]
    stored = [name for _, name in biases]
    return [node for node, name in biases if stored.count(name) == 1]


def _dequantizers(model: onnx.ModelProto) -> dict[str, onnx.NodeProto]:
    constants = {tensor.name for tensor in model.graph.initializer}
    return {
        node.output[0]: node
        for node in model.graph.node
        if node.op_type == "DequantizeLinear" and node.input[0] in constants
    }


def _changed_bias(
    model: onnx.ModelProto, constants: Mapping[str, onnx.TensorProto], name: str, change: Floats
) -> tuple[onnx.TensorProto, Floats]:
    """The stored bias with the change in it, and the change that this really makes."""
    node = next(one for one in model.graph.node if one.name == name)
    source, scale_name = _dequantizers(model)[node.input[2]].input[:2]
    stored = numpy_helper.to_array(constants[source]).astype(np.int64)
    scale = numpy_helper.to_array(constants[scale_name]).astype(np.float64)
    info = np.iinfo(np.int32)
    new = np.clip(stored + np.rint(change / scale), info.min, info.max).astype(np.int32)
    return numpy_helper.from_array(new, source), (new - stored) * scale


class _Biases(Pair):
    """The float model, and the QDQ model whose biases change one by one."""

    def __init__(
        self, reference: onnx.ModelProto, quantized: onnx.ModelProto, samples: Samples, count: int
    ) -> None:
        stored = {tensor.name: tensor for tensor in reference.graph.initializer}
        halves = (
            Half(infer_shapes(outlined(reference)), stored),
            Half(infer_shapes(with_plain_constants(quantized)), PlainConstants(quantized)),
        )
        super().__init__(halves, samples, count, memory_bytes=MEMORY_BYTES)

    def advance_to(self, name: str, following: str | None) -> None:
        """Run both models up to the node `name`, it included; `following` comes next, if anything does."""
        self.advance(self._ends(name), None if following is None else self._ends(following))

    def _ends(self, name: str) -> list[int]:
        return [_end(half, name) for half in self.halves]

    def shifts(self, name: str) -> Sequence[Shift]:
        """What is wrong with the node's output, by sample."""
        float_half = self.halves[0]
        axis = -1 if float_half.model.graph.node[float_half.index(name)].op_type == "MatMul" else 1
        outputs = [_result(half, name) for half in self.halves]
        activation = activation_behind(float_half.view, outputs[0])

        def measured(pair: list[Values]) -> Shift:
            return measure_shift(pair[0][outputs[0]], pair[1][outputs[1]], activation, axis)

        return list(each(measured, self.waiting))

    def shift(self, name: str, change: Floats) -> None:
        """Bring the quantized model and what waits behind the node up to date with a changed bias."""
        half = self.halves[1]
        output, node = _result(half, name), half.model.graph.node[half.index(name)]
        bias = numpy_helper.to_array(half.constant(node.input[2]))
        half.changed[node.input[2]] = numpy_helper.from_array(
            (bias + change).astype(np.float32), node.input[2]
        )
        for _, values in self.waiting:
            array = values[output]
            values[output] = array + change.astype(np.float32).reshape(-1, *(1,) * (array.ndim - 2))


def _result(half: Half, name: str) -> str:
    """The tensor that holds a product's result."""
    return result_of(half.model.graph.node[half.index(name)], half.view)


def _end(half: Half, name: str) -> int:
    """The position behind the node that makes a product's result."""
    return 1 + half.timeline.made[_result(half, name)]
