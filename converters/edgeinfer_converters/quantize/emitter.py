"""Writing quantized tensors into a graph: initializers, QuantizeLinear and DequantizeLinear."""

from __future__ import annotations

import numpy as np
import onnx
from onnx import helper, numpy_helper

from edgeinfer.frames import Array
from edgeinfer_converters.graph.view import GraphView
from edgeinfer_converters.quantize.affine import Affine
from edgeinfer_converters.quantize.weights import IntegerWeights


class Emitter:
    """Collects the nodes and initializers of the quantized graph, under names that are free."""

    def __init__(self, view: GraphView) -> None:
        self.nodes: list[onnx.NodeProto] = []
        self.initializers: dict[str, onnx.TensorProto] = {}
        self._taken = {name for node in view.nodes for name in (node.name, *node.input, *node.output)}
        self._taken.update(view.inputs, view.initializers)
        self._dequantized: dict[tuple[str, bytes], str] = {}
        self._affines: dict[str, list[str]] = {}

    def add(self, node: onnx.NodeProto) -> None:
        """Append a node as it is."""
        self.nodes.append(node)

    def quantize(self, source: str, affine: Affine, of: str) -> str:
        """QuantizeLinear on `source`, for the tensor `of`; returns the name of the integers."""
        target = self.free(f"{of}_quantized")
        self._append("QuantizeLinear", [source, *self._affine(affine, of)], target)
        return target

    def dequantize(self, stored: str, affine: Affine, of: str, target: str | None = None) -> str:
        """DequantizeLinear on integers; returns the name of the floats."""
        target = target or self.free(f"{of}_dequantized")
        self._append("DequantizeLinear", [stored, *self._affine(affine, of)], target)
        return target

    def constant(self, name: str, values: Array, affine: Affine) -> str:
        """A constant operand as integers behind a DequantizeLinear."""
        key = (name, repr(affine).encode())
        if key not in self._dequantized:
            stored = self.initializer(f"{name}_quantized", affine.quantize(values))
            self._dequantized[key] = self.dequantize(stored, affine, name)
        return self._dequantized[key]

    def weights(self, name: str, weights: IntegerWeights) -> str:
        """Weights as int8 behind a DequantizeLinear; shared where name and scales are the same."""
        zeros = np.zeros_like(weights.scales, dtype=np.int8)
        return self._constant(name, weights.stored, weights.scales, zeros, weights.axis)

    def bias(self, name: str, stored: Array, scales: Array) -> str:
        """Biases as int32 behind a DequantizeLinear; without zero points, which would take as much room."""
        return self._constant(name, stored, scales, None, 0 if scales.ndim else None)

    def pad_channels(self, stored: str, affine: Affine, of: str, count: int) -> str:
        """Integers (batch, channels, height, width) with `count` more channels of zeros."""
        before_and_after = np.array([0, 0, 0, 0, 0, count, 0, 0], np.int64)
        inputs = [stored, self.initializer(f"{of}_pads", before_and_after), self._affine(affine, of)[1]]
        target = self.free(f"{of}_padded")
        self._append("Pad", inputs, target)
        return target

    def initializer(self, wish: str, values: Array) -> str:
        """A new constant; returns its name."""
        name = self.free(wish)
        self.initializers[name] = numpy_helper.from_array(np.asarray(values, order="C"), name)
        return name

    def free(self, wish: str) -> str:
        """A name that nothing has yet."""
        name, number = wish, 2
        while name in self._taken:
            name, number = f"{wish}_{number}", number + 1
        self._taken.add(name)
        return name

    def _constant(
        self, name: str, stored: Array, scales: Array, zeros: Array | None, axis: int | None
    ) -> str:
        key = (name, repr(stored.shape).encode() + stored.tobytes() + scales.tobytes())
        if key not in self._dequantized:
            inputs = [
                self.initializer(f"{name}_quantized", stored),
                self.initializer(f"{name}_scale", scales),
            ]
            if zeros is not None:
                inputs.append(self.initializer(f"{name}_zero_point", zeros))
            target = self.free(f"{name}_dequantized")
            self._append("DequantizeLinear", inputs, target, axis)
            self._dequantized[key] = target
        return self._dequantized[key]

    def _affine(self, affine: Affine, of: str) -> list[str]:
        if of not in self._affines:
            scale = self.initializer(f"{of}_scale", np.array(affine.scale, np.float32))
            zero_point = self.initializer(f"{of}_zero_point", np.array(affine.zero_point, affine.form.dtype))
            self._affines[of] = [scale, zero_point]
        return self._affines[of]

    def _append(self, kind: str, inputs: list[str], target: str, axis: int | None = None) -> None:
        node = helper.make_node(kind, inputs, [target], self.free(f"{target}_{kind}"))
        if axis is not None:
            node.attribute.append(helper.make_attribute("axis", axis))
        self.nodes.append(node)
