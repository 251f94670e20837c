"""The versions of a model: its operators' and its file format's."""

from __future__ import annotations

from collections.abc import Iterator

import onnx
from onnx import TensorProto, helper, version_converter

from edgeinfer.errors import ModelError
from edgeinfer_converters.graph.foreign import GRAPH_ERRORS, short_reason
from edgeinfer_converters.graph.walk import all_nodes, standard_opset

_OLDEST_IR_VERSION = 7
"""What opset 13 was released with."""

_RESIZE_WITH_MODES = 11
_HARDMAX_OF_ONE_AXIS = 13

_IR_VERSION_OF_TYPE: dict[int, int] = {
    TensorProto.FLOAT8E4M3FN: 9,
    TensorProto.FLOAT8E4M3FNUZ: 9,
    TensorProto.FLOAT8E5M2: 9,
    TensorProto.FLOAT8E5M2FNUZ: 9,
    TensorProto.UINT4: 10,
    TensorProto.INT4: 10,
    TensorProto.FLOAT4E2M1: 11,
    TensorProto.FLOAT8E8M0: 12,
    TensorProto.UINT2: 13,
    TensorProto.INT2: 13,
}
"""The IR version that brought an element type (onnx.proto, Version); functions are gone by now."""


def raise_opset(model: onnx.ModelProto, *, min_opset: int, max_opset: int) -> onnx.ModelProto:
    """The model with an opset of `min_opset` at least. Raises ModelError above `max_opset`.

    An opset is never lowered: the converter knows few steps down, and newer operators have none.
    """
    opset = standard_opset(model)
    if max(opset, min_opset) > max_opset:
        raise ModelError(
            f"the model needs opset {max(opset, min_opset)}; the profile's runtime reads {max_opset} at most",
            hint=f"export the model with opset {max_opset} or lower",
        )
    if opset >= min_opset:
        return model
    _refuse_old_hardmax(model, opset, min_opset)
    try:
        raised = version_converter.convert_version(model, min_opset)
    except GRAPH_ERRORS as error:
        raise ModelError(
            f"the model cannot be raised from opset {opset} to {min_opset}: {short_reason(error)}",
            hint=f"export the model with opset {min_opset} or higher",
        ) from error
    if opset < _RESIZE_WITH_MODES <= min_opset:
        _keep_old_resizing(raised)
    return raised


def _keep_old_resizing(model: onnx.ModelProto) -> None:
    """Say (in place) where pixels lie, as the older operators had it: the converter leaves a new default."""
    for node in all_nodes(model):
        if node.op_type == "Resize":
            node.attribute.append(helper.make_attribute("coordinate_transformation_mode", "asymmetric"))
            node.attribute.append(helper.make_attribute("nearest_mode", "floor"))


def _refuse_old_hardmax(model: onnx.ModelProto, opset: int, min_opset: int) -> None:
    """Raises ModelError: Hardmax once was of all axes from one on, and the converter leaves it as it is."""
    if not opset < _HARDMAX_OF_ONE_AXIS <= min_opset:
        return
    if any(node.op_type == "Hardmax" for node in all_nodes(model)):
        raise ModelError(
            f"the model cannot be raised from opset {opset} to {min_opset}: "
            "Hardmax means something else there",
            hint=f"export the model with opset {min_opset} or higher",
        )


def limit_ir_version(model: onnx.ModelProto, max_ir_version: int) -> onnx.ModelProto:
    """Lower the IR version (in place) to what the runtime reads, where nothing in the model needs more."""
    needed = max((_IR_VERSION_OF_TYPE.get(kind, 0) for kind in _element_types(model)), default=0)
    if max(needed, _OLDEST_IR_VERSION) > max_ir_version:
        raise ModelError(
            f"the model needs IR version {max(needed, _OLDEST_IR_VERSION)}; "
            f"the profile's runtime reads {max_ir_version} at most",
            hint="export the model without 8-bit floats and 4-bit integers",
        )
    model.ir_version = min(max(model.ir_version, _OLDEST_IR_VERSION), max_ir_version)
    return model


def _element_types(model: onnx.ModelProto) -> Iterator[int]:
    yield from (tensor.data_type for tensor in model.graph.initializer)
    for values in (model.graph.input, model.graph.output, model.graph.value_info):
        yield from (value.type.tensor_type.elem_type for value in values)
