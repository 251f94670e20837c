"""What is known of an ONNX graph's tensors without running it: shapes, element types, constants.

Shapes are inferred node by node with onnx's own rules while the graph is walked, since some follow from
constants that are computed on the way: Shape of a known shape, and all that is done with it.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from math import prod
from typing import Any

import numpy as np
import onnx
from onnx import defs, helper, numpy_helper, shape_inference

from edgeinfer.frames import Array
from edgeinfer_converters.graph.foreign import GRAPH_ERRORS, short_reason
from edgeinfer_converters.graph.shapes import OPEN
from edgeinfer_converters.graph.view import GraphView
from edgeinfer_converters.tflite.faults import UnsupportedError
from edgeinfer_converters.tflite.nodes import Node

MAX_FOLDED_ELEMENTS = 1 << 24
"""A larger result of constants is left to be computed on the device."""

_SMALL = 1024
"""Constants of at most this many elements can be shapes, axes and the like."""

_SHAPE_KEPT = frozenset(
    {
        "Abs",
        "Cast",
        "CastLike",
        "Cos",
        "Exp",
        "Identity",
        "Log",
        "Neg",
        "Not",
        "Reciprocal",
        "Relu",
        "Sin",
        "Sqrt",
        "Tanh",
    }
)
"""Operators whose result has the shape of their one operand."""

_UNINFERRED = frozenset({"MeanVarianceNormalization"})
"""Operators of their operand's shape and type for which onnx has no rule."""

_RANDOM = frozenset(
    {"Bernoulli", "Multinomial", "RandomNormal", "RandomNormalLike", "RandomUniform", "RandomUniformLike"}
)


@dataclass
class Facts:
    """Shapes, types and constants by name; `learn` adds those of a node's outputs."""

    view: GraphView
    opset: int
    types: dict[str, onnx.TypeProto] = field(default_factory=dict)
    _constants: dict[str, Array] = field(default_factory=dict)
    _declared: dict[str, onnx.TypeProto] = field(default_factory=dict)

    @classmethod
    def of(cls, model: onnx.ModelProto, opset: int) -> Facts:
        """What a model says before any node is looked at."""
        facts = cls(GraphView(model), opset)
        graph = model.graph
        for value in graph.input:
            facts.types[value.name] = value.type
        for tensor in graph.initializer:
            facts.types[tensor.name] = helper.make_tensor_type_proto(tensor.data_type, tensor.dims)
        facts._declared = {value.name: value.type for value in (*graph.value_info, *graph.output)}
        facts._trace_back()
        return facts

    def shape(self, name: str) -> tuple[int, ...]:
        """The shape. Raises UnsupportedError where it is not known before the model runs."""
        kind = self.types.get(name)
        if kind is None or not kind.tensor_type.HasField("shape"):
            raise UnsupportedError(f"the shape of `{name}` is known only when the model runs")
        dims = kind.tensor_type.shape.dim
        sides = tuple(dim.dim_value if dim.HasField("dim_value") else OPEN for dim in dims)
        if OPEN in sides:
            raise UnsupportedError(f"the shape of `{name}` is known only when the model runs")
        return sides

    def dtype(self, name: str) -> np.dtype[Any]:
        """The element type. Raises UnsupportedError for one that numpy lacks."""
        kind = self.types.get(name)
        if kind is None or not kind.HasField("tensor_type") or not kind.tensor_type.elem_type:
            raise UnsupportedError(f"`{name}` is no tensor of a known type")
        if kind.tensor_type.elem_type == onnx.TensorProto.STRING:
            raise UnsupportedError(f"`{name}` holds strings")
        return helper.tensor_dtype_to_np_dtype(kind.tensor_type.elem_type)

    def constant(self, name: str) -> Array | None:
        """The values of a tensor that is constant, None for any other."""
        if name not in self._constants and name in self.view.initializers:
            self._constants[name] = self.view.constant(name)
        return self._constants.get(name)

    def is_constant(self, name: str) -> bool:
        """Whether a tensor is constant."""
        return name in self._constants or name in self.view.initializers

    def learn(self, node: Node) -> bool:
        """Infer shapes and types of a node's outputs; compute them where all inputs are constant.

        Returns whether the node is done with: nothing is left for the device to compute.
        """
        self._infer(node)
        if node.kind in ("Shape", "Size"):
            return self._measure(node)
        if node.kind in _RANDOM or node.kind == "DequantizeLinear":
            return False
        if not all(self.is_constant(name) for name in node.inputs if name) or not self._is_foldable(node):
            return False
        return self._compute(node)

    def fix(self, name: str, values: Array) -> None:
        """Declare a tensor constant."""
        self._constants[name] = values
        kind = helper.np_dtype_to_tensor_dtype(values.dtype)
        self.types[name] = helper.make_tensor_type_proto(kind, values.shape)

    def _trace_back(self) -> None:
        """Declare shapes before operators that leave them as they are, from what is declared behind."""
        for node in reversed(self.view.nodes):
            declared = self._declared.get(node.output[0]) if node.op_type in _SHAPE_KEPT else None
            if declared is None or not _is_static(declared) or node.input[0] in self._declared:
                continue
            traced = onnx.TypeProto()
            traced.tensor_type.shape.CopyFrom(declared.tensor_type.shape)
            self._declared[node.input[0]] = traced

    def _infer(self, node: Node) -> None:
        try:
            schema = defs.get_schema(node.kind, self.opset, node.proto.domain)
            small = {name: self._small(name) for name in node.inputs if name}
            found = shape_inference.infer_node_outputs(
                schema,
                node.proto,
                {name: self.types[name] for name in node.inputs if name},
                {name: tensor for name, tensor in small.items() if tensor is not None},
                opset_imports=[helper.make_opsetid("", self.opset)],
            )
        except (KeyError, *GRAPH_ERRORS):
            found = {}
        if node.kind in _UNINFERRED:
            found = {node.outputs[0]: self.types[node.inputs[0]]}
        for name in node.outputs:
            self.types[name] = self._best(name, found.get(name))

    def _best(self, name: str, inferred: onnx.TypeProto | None) -> onnx.TypeProto:
        """What was inferred, or what the model declares where that says more."""
        declared = self._declared.get(name)
        if inferred is None or not inferred.HasField("tensor_type"):
            return declared or onnx.TypeProto()
        return inferred if declared is None or _is_static(inferred) else _merged(inferred, declared)

    def _small(self, name: str) -> onnx.TensorProto | None:
        if not self.is_constant(name):
            return None
        kind = self.types[name].tensor_type
        if prod(dim.dim_value for dim in kind.shape.dim) > _SMALL:
            return None
        values = self.constant(name)
        return None if values is None else numpy_helper.from_array(values, name)

    def _measure(self, node: Node) -> bool:
        try:
            shape = self.shape(node.input(0))
        except UnsupportedError:
            return False
        if node.kind == "Size":
            self.fix(node.outputs[0], np.array(prod(shape), np.int64))
            return True
        start, end = node.integer("start", 0), node.integer("end", len(shape))
        self.fix(node.outputs[0], np.array(shape[slice(start, end)], np.int64))
        return True

    def _is_foldable(self, node: Node) -> bool:
        if node.proto.attribute and any(one.HasField("g") for one in node.proto.attribute):
            return False
        try:
            sizes = [prod(self.shape(name)) for name in node.outputs if name]
        except UnsupportedError:
            return bool(node.inputs) and all(len(self._values(name)) <= _SMALL for name in node.inputs)
        return sum(sizes) <= MAX_FOLDED_ELEMENTS

    def _values(self, name: str) -> Array:
        values = self.constant(name)
        return np.zeros(0) if values is None else values.reshape(-1)

    def _compute(self, node: Node) -> bool:
        from onnx.reference import ReferenceEvaluator  # 12 MB, and few graphs have anything to compute

        feeds = {name: self.constant(name) for name in node.inputs if name}
        try:
            with np.errstate(all="ignore"):
                results = ReferenceEvaluator(_model_of(node, self)).run(None, feeds)
        except (RuntimeError, NotImplementedError, AttributeError, *GRAPH_ERRORS) as error:
            raise UnsupportedError(f"it cannot be computed beforehand: {short_reason(error)}") from error
        for name, values in zip([one for one in node.outputs if one], results, strict=True):
            self.fix(name, np.asarray(values))
        return True


def _model_of(node: Node, facts: Facts) -> onnx.ModelProto:
    """A model of one node, as the reference evaluator wants it."""
    inputs = [helper.make_value_info(name, facts.types[name]) for name in dict.fromkeys(node.inputs) if name]
    outputs = [onnx.ValueInfoProto(name=name) for name in node.outputs if name]
    graph = helper.make_graph([node.proto], "node", inputs, outputs)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", facts.opset)])


def _is_static(kind: onnx.TypeProto) -> bool:
    tensor = kind.tensor_type
    return tensor.HasField("shape") and all(dim.HasField("dim_value") for dim in tensor.shape.dim)


def _merged(inferred: onnx.TypeProto, declared: onnx.TypeProto) -> onnx.TypeProto:
    """The inferred type with the dimensions that only the declaration knows."""
    merged = onnx.TypeProto()
    merged.CopyFrom(inferred)
    ours, theirs = merged.tensor_type.shape.dim, declared.tensor_type.shape.dim
    if not declared.tensor_type.HasField("shape"):
        return merged
    if not inferred.tensor_type.HasField("shape"):
        merged.tensor_type.shape.CopyFrom(declared.tensor_type.shape)
    elif len(ours) == len(theirs):
        for our, their in zip(ours, theirs, strict=True):
            if not our.HasField("dim_value") and their.HasField("dim_value"):
                our.dim_value = their.dim_value
    return merged
