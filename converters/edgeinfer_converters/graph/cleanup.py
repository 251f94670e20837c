"""Constant folding, merging of batch normalization, dead code: onnxslim's work."""

from __future__ import annotations

import onnx
from google.protobuf.message import DecodeError

from edgeinfer.errors import ModelError
from edgeinfer_converters.graph import slimmer
from edgeinfer_converters.graph.foreign import GRAPH_ERRORS, short_reason


def clean_up(model: onnx.ModelProto) -> onnx.ModelProto:
    """The same function with fewer nodes. Raises ModelError where onnxslim cannot work on the graph.

    onnxslim is deterministic and offline, and keeps the names of inputs and outputs: checked here and
    by tests, since everything behind relies on it.
    """
    slim = _slim_here(model) if model.ByteSize() < slimmer.SMALL_BYTES else _slim_apart(model)
    if not isinstance(slim, onnx.ModelProto) or _interface(slim) != _interface(model):
        raise ModelError("the clean-up changed the model's inputs or outputs", hint="report this model")
    return slim


def _slim_here(model: onnx.ModelProto) -> object:
    import onnxslim  # slow and large, and seldom needed in this process

    try:
        return onnxslim.slim(model)
    except GRAPH_ERRORS as error:
        raise _failed(short_reason(error)) from error


def _slim_apart(model: onnx.ModelProto) -> onnx.ModelProto:
    """In a process that takes its memory with it when it ends."""
    code, answer, last = slimmer.slim_apart(model.SerializeToString(deterministic=True))
    if code:
        raise _failed(last[:300] or f"onnxslim ended with code {code}")
    try:
        return onnx.load_from_string(answer)
    except DecodeError as error:
        raise _failed(short_reason(error)) from error


def _failed(reason: str) -> ModelError:
    return ModelError(
        f"the graph cannot be cleaned up: {reason}",
        hint="run onnxslim or onnxsim on the model by hand, or export it with constant folding",
    )


def _interface(model: onnx.ModelProto) -> tuple[list[str], list[str]]:
    return [value.name for value in model.graph.input], [value.name for value in model.graph.output]
