"""Factors and summands around convolutions, taken into their weights and biases.

Batch normalization is gone by now; networks have more of them: learned ones around activations, means and
deviations of pictures. Each would be one more pass over the tensor and, in 8 bits, one more rounding.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable

import numpy as np
import numpy.typing as npt
import onnx
from onnx import numpy_helper

from edgeinfer_converters.graph.naming import free_name, names_of
from edgeinfer_converters.graph.rewriting import with_nodes
from edgeinfer_converters.graph.shapes import infer_shapes
from edgeinfer_converters.graph.view import GraphView
from edgeinfer_converters.graph.walk import is_standard

Floats = npt.NDArray[np.float64]

_FACTORS, _SUMMANDS = ("Mul", "Div"), ("Add", "Sub")

_AROUND_ZERO = ("Elu", "Gelu", "HardSigmoid", "HardSwish", "LeakyRelu", "Relu", "Sigmoid", "Tanh")

_LEAST, _MOST = 1e-12, 1e12
"""Factors and summands in between, by amount, keep weights what float32 has numbers for."""


def fold_into_convolutions(model: onnx.ModelProto) -> onnx.ModelProto:
    """The model, whose shapes must be known, with the same function and constant factors and summands folded.

    Behind a convolution: one number, or one for each channel. In front of convolutions that alone read the
    result: one number, but for that of a gate such as Gelu's; summands behind a function, where nothing is
    padded. Weights that others read stay. Changes the model.
    """
    folding = _Folding(model)
    return folding.written() if folding.found() else model


class _Folding:
    def __init__(self, model: onnx.ModelProto) -> None:
        self._model = model
        self._view = GraphView(model)
        self._taken = names_of(model)
        self._gone: set[str] = set()
        self._arrays: dict[str, npt.NDArray[np.float32]] = {}
        self._readers = defaultdict[str, list[onnx.NodeProto]](list)
        for name, nodes in self._view.readers.items():
            self._readers[name] = list(nodes)

    def found(self) -> bool:
        """Whether something was folded."""
        for node in self._view.nodes:
            if self._is_own_convolution(node):
                self._fold_behind(node)
        for node in reversed(self._view.nodes):
            self._fold_in_front(node)
        return bool(self._gone)

    def written(self) -> onnx.ModelProto:
        """The folded model."""
        constants = {tensor.name: tensor for tensor in self._model.graph.initializer}
        for name, values in self._arrays.items():
            tensor = numpy_helper.from_array(values, name)
            if name in constants:
                constants[name].CopyFrom(tensor)
            else:
                self._model.graph.initializer.append(tensor)
        kept = [node for node in self._view.nodes if node.name not in self._gone]
        return infer_shapes(with_nodes(self._model, kept))

    def _is_own_convolution(self, node: onnx.NodeProto) -> bool:
        names = [name for name in node.input[1:3] if name]
        return (
            node.op_type == "Conv"
            and is_standard(node)
            and len(set(names)) == len(names)
            and all(map(self._is_own, names))
            and node.output[0] in self._view.floats
        )

    def _is_own(self, name: str) -> bool:
        """Whether a constant is read once, or is a bias that was made here."""
        if name not in self._view.initializers:
            return name in self._arrays
        return self._view.is_private(name)

    def _fold_behind(self, conv: onnx.NodeProto) -> None:
        while self._view.is_private(conv.output[0]):
            (node,) = self._view.readers[conv.output[0]]
            constant = self._constant(node, conv.output[0])
            numbers = None if constant is None else self._by_channel(constant, conv)
            if numbers is None:
                return
            if node.op_type in _FACTORS:
                self._scale(conv, numbers)
            else:
                self._shift(conv, numbers)
            self._gone.add(node.name)
            conv.output[0] = node.output[0]

    def _fold_in_front(self, node: onnx.NodeProto) -> None:
        sources = [name for name in node.input if name not in self._view.initializers]
        if node.name in self._gone or len(sources) != 1 or node.output[0] in self._view.outputs:
            return
        constant = self._constant(node, sources[0])
        readers = self._readers[node.output[0]]
        if constant is None or constant.size != 1 or not readers or self._is_product(sources[0]):
            return
        if constant.ndim > len(self._view.shapes.get(sources[0], ())):
            return  # it adds dimensions
        if not all(self._is_own_convolution(one) and one.input[0] == node.output[0] for one in readers):
            return
        if node.op_type in _SUMMANDS and (
            any(map(_is_padded, readers)) or not self._is_around_zero(sources[0])
        ):
            return
        for conv in readers:
            if node.op_type in _FACTORS:
                self._put(conv.input[1], self._read(conv.input[1]) * constant.item())
            else:
                weights = self._read(conv.input[1])
                self._shift(conv, constant.item() * weights.reshape(len(weights), -1).sum(axis=1))
            conv.input[0] = sources[0]
        self._gone.add(node.name)
        self._readers[sources[0]] = [one for one in self._readers[sources[0]] if one.name != node.name]
        self._readers[sources[0]] += readers

    def _is_around_zero(self, name: str) -> bool:
        """Whether a function makes a tensor whose values lie about zero, up to constants. Of others, such as
        measurements, the mean may be a hundred times what they vary by: 8 bits of that would be none."""
        producer = self._view.producers.get(name)
        while producer is not None and producer.op_type in _FACTORS + _SUMMANDS:
            sources = [one for one in producer.input if one not in self._view.initializers]
            producer = self._view.producers.get(sources[0]) if len(sources) == 1 else None
        return producer is not None and producer.op_type in _AROUND_ZERO and is_standard(producer)

    def _is_product(self, name: str) -> bool:
        """Whether a tensor is one of two others: Gelu ends so, and runtimes know it by the half behind."""
        producer = self._view.producers.get(name)
        return (
            producer is not None
            and producer.op_type == "Mul"
            and not self._view.initializers.keys() & set(producer.input)
        )

    def _constant(self, node: onnx.NodeProto, source: str) -> Floats | None:
        """What `node` multiplies `source` by, or adds to it."""
        if node.op_type not in _FACTORS + _SUMMANDS or not is_standard(node) or len(node.input) != 2:
            return None
        others = [name for name in node.input if name != source]
        if len(others) != 1 or others[0] not in self._view.initializers:
            return None
        values: Floats = self._view.constant(others[0]).astype(np.float64)
        if node.op_type in ("Div", "Sub") and node.input[0] != source:
            return None
        with np.errstate(divide="ignore"):
            values = 1 / values if node.op_type == "Div" else values
        values = -values if node.op_type == "Sub" else values
        amounts = np.abs(values[values != 0])
        return (
            values if np.isfinite(values).all() and ((amounts > _LEAST) & (amounts < _MOST)).all() else None
        )

    def _by_channel(self, values: Floats, conv: onnx.NodeProto) -> Floats | None:
        """One number for each output channel; None where it is not so."""
        weights = self._view.shapes[conv.input[1]]
        rank = len(weights)
        if values.ndim > rank:
            return None
        shape = (1,) * (rank - values.ndim) + values.shape
        if shape[1] not in (1, weights[0]) or any(size != 1 for size in (shape[0], *shape[2:])):
            return None
        return np.broadcast_to(values.reshape(-1), weights[0])

    def _scale(self, conv: onnx.NodeProto, factors: Floats) -> None:
        weights = self._read(conv.input[1])
        self._put(conv.input[1], weights * factors.reshape(-1, *(1,) * (weights.ndim - 1)))
        if len(conv.input) > 2 and conv.input[2]:
            self._put(conv.input[2], self._read(conv.input[2]) * factors)

    def _shift(self, conv: onnx.NodeProto, summands: Floats) -> None:
        if len(conv.input) < 3 or not conv.input[2]:
            name = free_name(f"{conv.name}_bias", self._taken)
            self._taken.add(name)
            del conv.input[2:]
            conv.input.append(name)
            self._put(name, summands)
        else:
            self._put(conv.input[2], self._read(conv.input[2]) + summands)

    def _read(self, name: str) -> Floats:
        values = self._arrays[name] if name in self._arrays else self._view.constant(name)
        return values.astype(np.float64)

    def _put(self, name: str, values: Floats) -> None:
        self._arrays[name] = values.astype(np.float32)


def _is_padded(conv: onnx.NodeProto) -> bool:
    attributes: Iterable[onnx.AttributeProto] = conv.attribute
    return any(
        (one.name == "pads" and any(one.ints)) or (one.name == "auto_pad" and one.s.startswith(b"SAME"))
        for one in attributes
    )
