"""Operators by the standard's own definitions: functions of other operators."""

from __future__ import annotations

from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from typing import Any

import onnx
from onnx import defs, helper, inliner

from edgeinfer.errors import ModelError
from edgeinfer_converters.graph.foreign import GRAPH_ERRORS, short_reason
from edgeinfer_converters.graph.shapes import infer_shapes
from edgeinfer_converters.graph.walk import is_standard, standard_opset

_MAX_DEPTH = 16
"""Functions of the standard use one another, but not so deeply."""

_DOMAIN = "edgeinfer.definitions"


def expand(model: onnx.ModelProto, known: AbstractSet[str]) -> onnx.ModelProto:
    """The same function of `known` operators, as far as the standard defines others. Raises ModelError."""
    for _ in range(_MAX_DEPTH):
        opset = standard_opset(model)
        kinds = {node.op_type for node in model.graph.node if is_standard(node)} - known
        defined = frozenset(kind for kind in kinds if _is_function(kind, opset))
        if not defined:
            break
        try:
            # Some definitions depend on their operands' types, which the definitions before left unsaid.
            model = infer_shapes(model)
            _spell_out_defaults(model, defined)
            model = _expanded(model, defined)
        except GRAPH_ERRORS as error:
            raise ModelError(
                f"the definitions of {', '.join(sorted(defined))} cannot be expanded: {short_reason(error)}",
                hint="export the model without these operators",
            ) from error
    return model


def _expanded(model: onnx.ModelProto, defined: AbstractSet[str]) -> onnx.ModelProto:
    """One level of definitions. onnx's own expansion of them knows no inputs that are left out."""
    calls = (node for node in model.graph.node if is_standard(node) and node.op_type in defined)
    gaps = [node for node in calls if "" in node.input]
    if not gaps:
        return inliner.inline_selected_functions(
            model, [("", kind) for kind in sorted(defined)], exclude=False, inline_schema_functions=True
        )
    types, opset = _types(model), standard_opset(model)
    for number, node in enumerate(gaps):
        function = _definition(node, opset, types)
        function.domain, function.name = _DOMAIN, f"{node.op_type}_{number}"
        node.domain, node.op_type = function.domain, function.name
        model.functions.append(function)
    model.opset_import.append(helper.make_opsetid(_DOMAIN, 1))
    model = inliner.inline_local_functions(model)
    kept = [one for one in model.opset_import if one.domain != _DOMAIN]
    del model.opset_import[:]
    model.opset_import.extend(kept)
    return model


def _definition(node: onnx.NodeProto, opset: int, types: Mapping[str, onnx.TypeProto]) -> onnx.FunctionProto:
    """The function that a node is, as it depends on the types of its inputs; none for one left out."""
    schema: Any = defs.get_schema(node.op_type, opset, "")
    if schema.has_context_dependent_function:
        given = [types.get(name, onnx.TypeProto()).SerializeToString() for name in node.input]
        body = schema.get_context_dependent_function_with_opset_version(
            schema.since_version, node.SerializeToString(), given
        )
    else:
        body = schema.get_function_with_opset_version(schema.since_version)
    function = onnx.FunctionProto()
    function.ParseFromString(body)
    for one in function.opset_import:
        if one.domain == "":
            one.version = opset
    return function


def _types(model: onnx.ModelProto) -> Mapping[str, onnx.TypeProto]:
    graph = model.graph
    found = {value.name: value.type for value in (*graph.input, *graph.value_info, *graph.output)}
    for tensor in graph.initializer:
        found[tensor.name] = helper.make_tensor_type_proto(tensor.data_type, tensor.dims)
    return found


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
