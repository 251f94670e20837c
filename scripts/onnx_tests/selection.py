"""Which of ONNX's tests are for us: tensors of a few types with fixed shapes, and nothing else."""

from __future__ import annotations

import onnx
from onnx import TensorProto

from edgeinfer_converters.graph.walk import all_nodes, is_standard

TYPES = frozenset(
    {
        *(TensorProto.FLOAT, TensorProto.FLOAT16, TensorProto.INT8, TensorProto.UINT8),
        *(TensorProto.INT32, TensorProto.INT64, TensorProto.BOOL),
    }
)
CONTROL_FLOW = frozenset({"If", "Loop", "Scan", "SequenceMap"})
SEQUENCES = frozenset({"ConcatFromSequence", "SplitToSequence"})
RANDOM = frozenset(
    {"Bernoulli", "Multinomial", "RandomNormal", "RandomNormalLike", "RandomUniform", "RandomUniformLike"}
)
TEXTS = frozenset({"RegexFullMatch", "TfIdfVectorizer"})
FILES = frozenset({"ImageDecoder"})
"""Reads JPEG and the like; which of its tests there are depends on other libraries."""

_LEFT_OUT = CONTROL_FLOW | SEQUENCES | RANDOM | TEXTS | FILES
_LEFT_OUT_PREFIXES = ("Optional", "Sequence", "String")


def is_selected(model: onnx.ModelProto, *, doubles: bool = False) -> bool:
    """Whether a test is run: operators of the standard domain on dense tensors, only outputs of open shape.

    `doubles`: float64 is one of the types too.
    """
    types = TYPES | ({TensorProto.DOUBLE} if doubles else set())
    inputs, outputs = model.graph.input, model.graph.output
    return (
        all(_is_known(node) for node in all_nodes(model))
        and all(_is_tensor(value, types) for value in (*inputs, *outputs))
        and all(side > 0 for value in inputs for side in _sides(value))
        and all(side != 0 for value in outputs for side in _sides(value))
    )


def _is_known(node: onnx.NodeProto) -> bool:
    name = node.op_type
    return is_standard(node) and name not in _LEFT_OUT and not name.startswith(_LEFT_OUT_PREFIXES)


def _is_tensor(value: onnx.ValueInfoProto, types: frozenset[int]) -> bool:
    kind = value.type
    return (
        kind.WhichOneof("value") == "tensor_type"
        and kind.tensor_type.HasField("shape")
        and kind.tensor_type.elem_type in types
    )


def _sides(value: onnx.ValueInfoProto) -> list[int]:
    """The shape; -1 for sides that are left open."""
    dims = value.type.tensor_type.shape.dim
    return [dim.dim_value if dim.HasField("dim_value") else -1 for dim in dims]
