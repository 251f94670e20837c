"""Constant folding, merging of batch normalization, dead code: onnxslim's work."""

from __future__ import annotations

import onnx
import onnxslim

from edgeinfer.errors import ModelError
from edgeinfer_converters.graph.foreign import GRAPH_ERRORS, short_reason


def clean_up(model: onnx.ModelProto) -> onnx.ModelProto:
    """The same function with fewer nodes. Raises ModelError where onnxslim cannot work on the graph.

    onnxslim is deterministic and offline, and keeps the names of inputs and outputs: checked here and
    by tests, since everything behind relies on it.
    """
    try:
        slim = onnxslim.slim(model)
    except GRAPH_ERRORS as error:
        raise ModelError(
            f"the graph cannot be cleaned up: {short_reason(error)}",
            hint="run onnxslim or onnxsim on the model by hand, or export it with constant folding",
        ) from error
    if not isinstance(slim, onnx.ModelProto) or _interface(slim) != _interface(model):
        raise ModelError("the clean-up changed the model's inputs or outputs", hint="report this model")
    return slim


def _interface(model: onnx.ModelProto) -> tuple[list[str], list[str]]:
    return [value.name for value in model.graph.input], [value.name for value in model.graph.output]
