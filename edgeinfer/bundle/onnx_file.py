"""Reads what an ONNX file says about itself."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from edgeinfer.bundle.model_file import ModelDescription, checked_name, count_operators
from edgeinfer.bundle.onnx_schema import model_class
from edgeinfer.errors import ModelError
from edgeinfer.frames import TensorInfo

DEFAULT_DOMAINS = ("", "ai.onnx")
# TensorProto.DataType of onnx.proto, as far as numpy knows the type.
DTYPES = {
    1: "float32",
    2: "uint8",
    3: "int8",
    4: "uint16",
    5: "int16",
    6: "int32",
    7: "int64",
    9: "bool",
    10: "float16",
    11: "float64",
    12: "uint32",
    13: "uint64",
}


def describe(data: bytes) -> ModelDescription:
    """Read the description of an ONNX file. Raises ModelError, MissingRuntimeError."""
    model = _parse(data)
    if not model.HasField("graph"):
        raise ModelError("not an ONNX model: it has no graph")
    if model.training_info:
        raise ModelError("the model carries training information, which has no place on a device")
    nodes = list(_all_nodes(model))
    _refuse_external_data(model, nodes)
    weights = {tensor.name for tensor in model.graph.initializer}
    # Before IR version 4 the weights were listed among the inputs.
    inputs = [value for value in model.graph.input if value.name not in weights]
    versions = [one.version for one in model.opset_import if one.domain in DEFAULT_DOMAINS]
    return ModelDescription(
        inputs=tuple(_tensor("input", value) for value in inputs),
        outputs=tuple(_tensor("output", value) for value in model.graph.output),
        operators=count_operators(_operator_name(node) for node in nodes),
        opset=max(versions, default=0),
        ir_version=model.ir_version,
    )


def _parse(data: bytes) -> Any:
    message = model_class()()
    from google.protobuf.message import DecodeError

    try:
        message.ParseFromString(data)
    except (DecodeError, ValueError, RecursionError) as error:
        raise ModelError(f"not an ONNX model, or a damaged one: {str(error)[:200]!a}") from error
    message.DiscardUnknownFields()
    return message


def _all_nodes(model: Any) -> Iterator[Any]:
    """The nodes of the graph, of its subgraphs, and of the model's own functions."""
    yield from _nodes(model.graph.node)
    for function in model.functions:
        yield from _nodes(function.node)
        for attribute in function.attribute_proto:
            yield from _attribute_nodes(attribute)


def _nodes(nodes: Any) -> Iterator[Any]:
    for node in nodes:
        yield node
        for attribute in node.attribute:
            yield from _attribute_nodes(attribute)


def _attribute_nodes(attribute: Any) -> Iterator[Any]:
    # The nesting is bounded: protobuf refuses more than 100 levels.
    for graph in _attribute_graphs(attribute):
        yield from _nodes(graph.node)


def _attribute_graphs(attribute: Any) -> Iterator[Any]:
    if attribute.HasField("g"):
        yield attribute.g
    yield from attribute.graphs


def _operator_name(node: Any) -> str:
    if not node.op_type:
        raise ModelError("the model has an operator without a type")
    # Its context may be a file outside the bundle, built for one driver version.
    if node.op_type == "EPContext":
        raise ModelError("the model is compiled for one execution provider (EPContext): bundle the original")
    return str(node.op_type) if node.domain in DEFAULT_DOMAINS else f"{node.domain}.{node.op_type}"


def _refuse_external_data(model: Any, nodes: list[Any]) -> None:
    attributes = [attribute for node in nodes for attribute in node.attribute]
    attributes += [attribute for function in model.functions for attribute in function.attribute_proto]
    graphs = [model.graph, *(graph for one in attributes for graph in _attribute_graphs(one))]
    for tensor in [*_graph_tensors(graphs), *_attribute_tensors(attributes)]:
        if tensor.data_location or tensor.external_data:
            raise ModelError(
                f"the tensor {tensor.name[:200]!a} keeps its data outside the model file",
                hint="a bundle holds one model file: store the weights inside it",
            )


def _graph_tensors(graphs: list[Any]) -> Iterator[Any]:
    for graph in graphs:
        yield from graph.initializer
        for sparse in graph.sparse_initializer:
            yield from (sparse.values, sparse.indices)


def _attribute_tensors(attributes: list[Any]) -> Iterator[Any]:
    for attribute in attributes:
        yield attribute.t
        yield from attribute.tensors
        for sparse in (attribute.sparse_tensor, *attribute.sparse_tensors):
            yield from (sparse.values, sparse.indices)


def _tensor(role: str, value: Any) -> TensorInfo:
    name = checked_name(value.name, f"an {role}")
    if not value.type.HasField("tensor_type"):
        raise ModelError(f"{role} `{name}` is not a tensor")
    kind = value.type.tensor_type
    if kind.elem_type not in DTYPES:
        raise ModelError(f"{role} `{name}` has an element type ({kind.elem_type}) that is not supported")
    if not kind.HasField("shape"):
        raise ModelError(
            f"{role} `{name}` has no shape", hint="run ONNX shape inference on the model and store it"
        )
    return TensorInfo(
        name=name, dtype=DTYPES[kind.elem_type], shape=tuple(_dimension(one) for one in kind.shape.dim)
    )


def _dimension(dimension: Any) -> int:
    """Open dimensions are -1: those with a name, with nothing, or with a negative number."""
    if dimension.HasField("dim_value") and not dimension.dim_param:
        return max(-1, int(dimension.dim_value))
    return -1
