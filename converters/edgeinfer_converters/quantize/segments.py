"""A graph in pieces: one node after the other brought up to date, with the samples waiting in between.

Of each sample only the tensors are kept that the rest of the graph still reads. They are few and shrink
towards the end of most networks, so more samples fit into the same memory there: `Front` is run again
from the beginning for more of them when that pays.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import onnx
from onnx import helper, numpy_helper

from edgeinfer.frames import Array
from edgeinfer_converters.graph.weights import outline, with_initializers
from edgeinfer_converters.quantize.execution import open_model, run_session
from edgeinfer_converters.quantize.timeline import Timeline

_ZERO_POINT = 2  # its place among the inputs of a DequantizeLinear
Values = dict[str, Array]
Constants = Callable[[str], onnx.TensorProto]


@dataclass(frozen=True)
class Cut:
    """A model between two positions in its list of nodes, `start` included and `end` not.

    `wanted`: tensors that are outputs if the piece makes them, whether they are read behind it or not.
    `constants`: the initializers with their values, where the model has them in outlines only.
    """

    timeline: Timeline
    start: int
    end: int
    wanted: frozenset[str] = frozenset()
    constants: Constants | None = None

    @cached_property
    def inputs(self) -> tuple[str, ...]:
        """The tensors that the piece reads and does not make, constants left out."""
        made = self.timeline.made
        return tuple(name for name in self.read if made.get(name, self.start) < self.start)

    @cached_property
    def outputs(self) -> tuple[str, ...]:
        """The tensors that the piece makes and that are wanted or read behind it, and its last results."""
        kept = self.timeline.needed_behind(self.end) | self.timeline.results(self.end) | self.wanted
        return tuple(name for node in self.nodes for name in node.output if name and name in kept)

    @property
    def nodes(self) -> Sequence[onnx.NodeProto]:
        """Those of the piece."""
        return list(self.timeline.model.graph.node[self.start : self.end])

    @cached_property
    def read(self) -> Mapping[str, None]:
        """What the piece reads, constants included, in its order."""
        return dict.fromkeys(name for names in self.timeline.reads[self.start : self.end] for name in names)

    def runner(self, *, pooled: bool = True) -> Runner:
        """What runs the piece, see `open_session`."""
        return Runner(self, pooled=pooled)


class Runner:
    """A session for one piece of a model."""

    def __init__(self, cut: Cut, *, pooled: bool) -> None:
        self._cut = cut
        self._session = open_model(_extracted(cut), _weights(cut), pooled=pooled) if cut.outputs else None

    def run(self, values: Values, where: str = "refining") -> Values:
        """The piece's outputs. Raises ModelError that begins with `where`."""
        if self._session is None:
            return dict(values)
        inputs = {name: values[name] for name in self._cut.inputs}
        made = run_session(self._session, self._cut.outputs, inputs, where)
        return dict(zip(self._cut.outputs, made, strict=True))


class PlainConstants(Mapping[str, onnx.TensorProto]):
    """The constants of a QDQ model as its operators see them: floats, made anew whenever one is asked for."""

    def __init__(self, model: onnx.ModelProto) -> None:
        self._stored: dict[str, onnx.TensorProto] = {one.name: one for one in model.graph.initializer}
        self._dequantizers = {
            node.output[0]: node
            for node in model.graph.node
            if node.op_type == "DequantizeLinear" and node.input[0] in self._stored
        }

    def __getitem__(self, name: str) -> onnx.TensorProto:
        if name not in self._dequantizers:
            return self._stored[name]
        values = _dequantized(self._dequantizers[name], self._stored)
        tensor: onnx.TensorProto = numpy_helper.from_array(values, name)
        return tensor

    def __iter__(self) -> Iterator[str]:
        return iter([*self._stored, *self._dequantizers])

    def __len__(self) -> int:
        return len(self._stored) + len(self._dequantizers)

    def is_made_by(self, node: onnx.NodeProto) -> bool:
        """Whether a node's result is one of the constants."""
        return node.output[0] in self._dequantizers


def with_plain_constants(model: onnx.ModelProto) -> onnx.ModelProto:
    """A QDQ model that reads its `PlainConstants`, in outlines: it simulates the integers faster."""
    constants = PlainConstants(model)
    kept = [node for node in model.graph.node if not constants.is_made_by(node)]
    plain = with_initializers(model)
    del plain.graph.node[:]
    plain.graph.node.extend(kept)
    read = Timeline(plain).last_read
    plain.graph.initializer.extend(outline(constants[name]) for name in constants if name in read)
    return plain


def _dequantized(node: onnx.NodeProto, constants: Mapping[str, onnx.TensorProto]) -> Array:
    stored, scale = (numpy_helper.to_array(constants[name]) for name in node.input[:2])
    zero = (
        numpy_helper.to_array(constants[node.input[2]]) if len(node.input) > 2 else np.zeros((), stored.dtype)
    )
    axis = next((one.i for one in node.attribute if one.name == "axis"), 1)
    shape = [-1 if scale.ndim and index == axis % max(stored.ndim, 1) else 1 for index in range(stored.ndim)]
    whole = stored.astype("int64") - zero.astype("int64").reshape(shape if zero.ndim else ())
    values: Array = (whole * scale.reshape(shape if scale.ndim else ())).astype("float32")
    return values


def _extracted(cut: Cut) -> onnx.ModelProto:
    """The piece without its weights."""
    whole = cut.timeline.model
    graph = helper.make_graph(
        cut.nodes,
        "piece",
        [cut.timeline.kinds[name] for name in cut.inputs],
        [helper.make_empty_tensor_value_info(name) for name in cut.outputs],
        sparse_initializer=whole.graph.sparse_initializer,
    )
    return helper.make_model(graph, opset_imports=whole.opset_import, ir_version=whole.ir_version)


def _weights(cut: Cut) -> Iterator[onnx.TensorProto]:
    for tensor in cut.timeline.model.graph.initializer:
        if tensor.name in cut.read:
            yield tensor if cut.constants is None else cut.constants(tensor.name)
