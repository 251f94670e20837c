"""Shapes and element types of the tensors of a graph."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import onnx

from edgeinfer.errors import ModelError
from edgeinfer_converters.graph.foreign import GRAPH_ERRORS, short_reason
from edgeinfer_converters.graph.weights import outlined, with_initializers

Shape = tuple[int, ...]
OPEN = -1
"""A dimension that the model leaves open."""


def infer_shapes(model: onnx.ModelProto, *, compute: bool = True) -> onnx.ModelProto:
    """The model with the shapes of its tensors written down. Raises ModelError for a contradiction.

    `compute`: also those that must be computed from constants and other shapes.
    """
    inferred = outlined(model)
    try:
        # Without the weights: onnx would hold four copies of them at a time, and needs none.
        inferred = onnx.shape_inference.infer_shapes(inferred, data_prop=compute)
    except GRAPH_ERRORS as error:
        raise ModelError(
            f"the shapes of the model contradict each other: {short_reason(error)}",
            hint="export the model again",
        ) from error
    return with_initializers(inferred, model.graph.initializer)


def known_shapes(model: onnx.ModelProto) -> Mapping[str, Shape]:
    """The shapes of inputs, outputs, inferred tensors and initializers, by name."""
    shapes = {tensor.name: tuple(tensor.dims) for tensor in model.graph.initializer}
    for value in _values(model):
        if value.type.tensor_type.HasField("shape"):
            shapes[value.name] = shape_of(value)
    return shapes


def known_types(model: onnx.ModelProto) -> Mapping[str, np.dtype[Any]]:
    """The element types of inputs, outputs, inferred tensors and initializers, by name."""
    kinds = {tensor.name: tensor.data_type for tensor in model.graph.initializer}
    kinds |= {value.name: value.type.tensor_type.elem_type for value in _values(model)}
    return {name: onnx.helper.tensor_dtype_to_np_dtype(kind) for name, kind in kinds.items() if kind}


def shape_of(value: onnx.ValueInfoProto) -> Shape:
    """The shape that is written down, OPEN where a dimension is."""
    dims = value.type.tensor_type.shape.dim
    return tuple(dim.dim_value if dim.HasField("dim_value") else OPEN for dim in dims)


def _values(model: onnx.ModelProto) -> list[onnx.ValueInfoProto]:
    return [*model.graph.value_info, *model.graph.input, *model.graph.output]
