"""Graphs without their weights: what is light enough to be copied, and for tools that look at shapes alone.

A protobuf message never gives memory back before it dies, whatever is cleared in it: copies are made
without the weights from the start.
"""

from __future__ import annotations

import math
from collections.abc import Iterable

import onnx
from google.protobuf.message import Message

LARGE = 1024
"""Numbers in a constant from which on it is a weight: no shape, scale or bound is as long."""

_FLOATS = frozenset({onnx.TensorProto.FLOAT, onnx.TensorProto.FLOAT16, onnx.TensorProto.DOUBLE})


def with_initializers(
    model: onnx.ModelProto, initializers: Iterable[onnx.TensorProto] = ()
) -> onnx.ModelProto:
    """A copy that has these initializers, which are copied too, in place of its own."""
    copy = onnx.ModelProto()
    _copy_fields(model, copy, "graph")
    _copy_fields(model.graph, copy.graph, "initializer")
    copy.graph.initializer.extend(initializers)
    return copy


def outlined(model: onnx.ModelProto) -> onnx.ModelProto:
    """A copy whose weights have a name, a type and a shape, and no values: it is no valid model."""
    return with_initializers(model, map(outline, model.graph.initializer))


def outline(tensor: onnx.TensorProto) -> onnx.TensorProto:
    """A weight without its values; other tensors are what they are."""
    if tensor.data_type not in _FLOATS or math.prod(tensor.dims) < LARGE:
        return tensor
    return onnx.TensorProto(name=tensor.name, data_type=tensor.data_type, dims=tensor.dims)


def _copy_fields(source: Message, target: Message, left_out: str) -> None:
    for field, value in source.ListFields():
        if field.name == left_out:
            continue
        if hasattr(value, "MergeFrom"):  # a message, or a list
            getattr(target, field.name).MergeFrom(value)
        else:
            setattr(target, field.name, value)
