"""The form of an ONNX graph that is lowered: functions expanded, constants as initializers, opset 13 up."""

from __future__ import annotations

from collections.abc import Set as AbstractSet
from typing import Any

import onnx
from onnx import defs, inliner

from edgeinfer.errors import ModelError
from edgeinfer_converters.graph.batch import fix_batch
from edgeinfer_converters.graph.foreign import GRAPH_ERRORS, short_reason
from edgeinfer_converters.graph.functions import inline_functions
from edgeinfer_converters.graph.initializers import lift_constants, unlist_initializers
from edgeinfer_converters.graph.naming import name_nodes
from edgeinfer_converters.graph.opset import raise_opset
from edgeinfer_converters.graph.walk import is_standard, standard_opset

MIN_OPSET = 13
_MAX_OPSET = 10_000
_MAX_DEPTH = 16
"""Functions of the standard use one another, but not so deeply."""


def make_ready(model: onnx.ModelProto, known: AbstractSet[str]) -> onnx.ModelProto:
    """A copy with the same function. Operators that are not `known` are replaced by the standard's own
    definition where it has one. Raises ModelError."""
    ready = onnx.ModelProto()
    ready.CopyFrom(model)
    ready = fix_batch(unlist_initializers(inline_functions(ready)))
    ready = raise_opset(ready, min_opset=MIN_OPSET, max_opset=_MAX_OPSET)
    return name_nodes(lift_constants(_expanded(ready, known)))


def _expanded(model: onnx.ModelProto, known: AbstractSet[str]) -> onnx.ModelProto:
    for _ in range(_MAX_DEPTH):
        opset = standard_opset(model)
        kinds = {node.op_type for node in model.graph.node if is_standard(node)} - known
        defined = sorted(kind for kind in kinds if _is_function(kind, opset))
        if not defined:
            break
        try:
            model = inliner.inline_selected_functions(
                model, [("", kind) for kind in defined], exclude=False, inline_schema_functions=True
            )
        except GRAPH_ERRORS as error:
            raise ModelError(
                f"the definitions of {', '.join(defined)} cannot be expanded: {short_reason(error)}",
                hint="export the model without these operators",
            ) from error
    return model


def _is_function(kind: str, opset: int) -> bool:
    try:
        schema: Any = defs.get_schema(kind, opset, "")
    except GRAPH_ERRORS:
        return False
    return bool(schema.has_function or schema.has_context_dependent_function)
