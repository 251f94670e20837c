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
from edgeinfer_converters.graph.shapes import infer_shapes
from edgeinfer_converters.graph.walk import is_standard, standard_opset
from edgeinfer_converters.tflite.slopes import with_whole_slopes

MIN_OPSET = 13
_MAX_OPSET = 10_000
_MAX_DEPTH = 16
"""Functions of the standard use one another, but not so deeply."""


def make_ready(model: onnx.ModelProto, known: AbstractSet[str]) -> onnx.ModelProto:
    """A copy with the same function. Operators that are not `known` are replaced by the standard's own
    definition where it has one. Raises ModelError."""
    ready = onnx.ModelProto()
    ready.CopyFrom(model)
    ready = with_whole_slopes(fix_batch(unlist_initializers(inline_functions(ready))))
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
            # Some definitions depend on their operands' types, which the definitions before left unsaid.
            model = infer_shapes(model)
            _spell_out_defaults(model, frozenset(defined))
            model = inliner.inline_selected_functions(
                model, [("", kind) for kind in defined], exclude=False, inline_schema_functions=True
            )
        except GRAPH_ERRORS as error:
            raise ModelError(
                f"the definitions of {', '.join(defined)} cannot be expanded: {short_reason(error)}",
                hint="export the model without these operators",
            ) from error
    return model


def _spell_out_defaults(model: onnx.ModelProto, kinds: AbstractSet[str]) -> None:
    """Give nodes the attributes that they leave to their default, as the inliner does not (in place)."""
    opset = standard_opset(model)
    for node in model.graph.node:
        if not is_standard(node) or node.op_type not in kinds:
            continue
        schema: Any = defs.get_schema(node.op_type, opset, "")
        given = {one.name for one in node.attribute}
        for name, attribute in sorted(schema.attributes.items()):
            if name not in given and attribute.default_value.type != onnx.AttributeProto.UNDEFINED:
                node.attribute.append(attribute.default_value)


def _is_function(kind: str, opset: int) -> bool:
    try:
        schema: Any = defs.get_schema(kind, opset, "")
    except GRAPH_ERRORS:
        return False
    return bool(schema.has_function or schema.has_context_dependent_function)
