"""What the graph libraries raise when a model is too much for them."""

from __future__ import annotations

import onnx
from onnxruntime.capi import onnxruntime_pybind11_state as runtime

RUNTIME_ERRORS = (
    runtime.EPFail,
    runtime.Fail,
    runtime.InvalidArgument,
    runtime.InvalidGraph,
    runtime.InvalidProtobuf,
    runtime.NoModel,
    runtime.NoSuchFile,
    runtime.NotImplemented,
    runtime.RuntimeException,
)
"""ONNX Runtime's exceptions, which have no root of their own below Exception."""

GRAPH_ERRORS = (
    ArithmeticError,
    AssertionError,
    AttributeError,
    LookupError,
    RuntimeError,
    TypeError,
    ValueError,
    onnx.checker.ValidationError,
    onnx.defs.SchemaError,
    onnx.shape_inference.InferenceError,
    *RUNTIME_ERRORS,
)
"""onnx and onnxslim have no root of their own: a graph that they do not expect ends in any of these."""


def short_reason(error: BaseException) -> str:
    """The first 300 characters of a foreign message, on one line."""
    return " ".join(str(error).split())[:300] or type(error).__name__
