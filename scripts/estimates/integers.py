"""A network in integers: the form that the converter gives it, with scales that mean nothing."""

from __future__ import annotations

import onnx
from onnx import TensorProto, helper

CLAMPS = frozenset({"Clip", "Relu"})
SCALE = "scale"
ZEROS = {TensorProto.INT8: "zero", TensorProto.INT32: "zero32"}


def integer_form(network: onnx.ModelProto) -> onnx.ModelProto:
    """A copy with all weights and results in 8-bit integers; its input and output stay float."""
    return _Writer(network).write()


class _Writer:
    def __init__(self, network: onnx.ModelProto) -> None:
        self._graph = network.graph
        self._opsets = network.opset_import
        self._nodes: list[onnx.NodeProto] = []
        self._dequantized: dict[str, str] = {}
        self._readers = {name: node for node in network.graph.node for name in node.input}

    def write(self) -> onnx.ModelProto:
        constants = [self._constant(tensor) for tensor in self._graph.initializer]
        self._quantize(self._graph.input[0].name)
        for node in self._graph.node:
            self._add(node)
        last = self._graph.output[0].name
        result = helper.make_tensor_value_info(self._dequantized[last], TensorProto.FLOAT, None)
        numbers = [helper.make_tensor(SCALE, TensorProto.FLOAT, [], [1.0])]
        numbers += [helper.make_tensor(name, kind, [], [0]) for kind, name in ZEROS.items()]
        graph = helper.make_graph(
            self._nodes, "integers", list(self._graph.input), [result], [*numbers, *constants]
        )
        return helper.make_model(graph, opset_imports=self._opsets)

    def _constant(self, tensor: onnx.TensorProto) -> onnx.TensorProto:
        """Weights in 8 bits, biases in 32; shapes are what they are."""
        if tensor.data_type != TensorProto.FLOAT:
            return tensor
        kind = TensorProto.INT8 if len(tensor.dims) > 1 else TensorProto.INT32
        self._dequantize(tensor.name, tensor.name, ZEROS[kind])
        return TensorProto(name=tensor.name, data_type=kind, dims=tensor.dims)

    def _add(self, node: onnx.NodeProto) -> None:
        written = onnx.NodeProto()
        written.CopyFrom(node)
        for place, name in enumerate(node.input):
            written.input[place] = self._dequantized.get(name, name)
        self._nodes.append(written)
        for name in node.output:
            reader = self._readers.get(name)
            if reader is None or reader.op_type not in CLAMPS:
                self._quantize(name)

    def _quantize(self, name: str) -> None:
        quantized = f"{name}_q"
        inputs = [name, SCALE, ZEROS[TensorProto.INT8]]
        self._nodes.append(helper.make_node("QuantizeLinear", inputs, [quantized], quantized))
        self._dequantize(name, quantized, ZEROS[TensorProto.INT8])

    def _dequantize(self, name: str, quantized: str, zero: str) -> None:
        made = f"{name}_dq"
        self._nodes.append(helper.make_node("DequantizeLinear", [quantized, SCALE, zero], [made], made))
        self._dequantized[name] = made
