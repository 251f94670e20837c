"""The ONNX fields that are read on the device, held against onnx's own schema."""

from __future__ import annotations

import sys
from typing import Any

import onnx
import pytest
from google.protobuf.descriptor import Descriptor, FieldDescriptor

from edgeinfer.bundle.onnx_schema import PACKAGE, model_class
from edgeinfer.errors import MissingRuntimeError
from tests.fixtures.models import image_classifier

OFFICIAL: dict[str, Any] = {
    "Model": onnx.ModelProto,
    "OperatorSet": onnx.OperatorSetIdProto,
    "Training": onnx.TrainingInfoProto,
    "Function": onnx.FunctionProto,
    "Graph": onnx.GraphProto,
    "Node": onnx.NodeProto,
    "Attribute": onnx.AttributeProto,
    "Tensor": onnx.TensorProto,
    "Entry": onnx.StringStringEntryProto,
    "SparseTensor": onnx.SparseTensorProto,
    "ValueInfo": onnx.ValueInfoProto,
    "Type": onnx.TypeProto,
    "TensorType": onnx.TypeProto.Tensor,
    "Shape": onnx.TensorShapeProto,
    "Dimension": onnx.TensorShapeProto.Dimension,
}
"""Our names for onnx's messages."""


def descriptor(name: str) -> Descriptor:
    """Our description of a message."""
    return model_class().DESCRIPTOR.file.message_types_by_name[name]


def wire_type(field: FieldDescriptor) -> int:
    """What is on the wire: an enumeration is a number there."""
    return FieldDescriptor.TYPE_INT32 if field.type == FieldDescriptor.TYPE_ENUM else field.type


def test_every_message_has_its_counterpart() -> None:
    assert set(model_class().DESCRIPTOR.file.message_types_by_name) == set(OFFICIAL)
    assert model_class().DESCRIPTOR.full_name == f"{PACKAGE}.Model"


@pytest.mark.parametrize("name", OFFICIAL)
def test_every_field_is_the_one_of_onnx(name: str) -> None:
    theirs = OFFICIAL[name].DESCRIPTOR.fields_by_name
    for ours in descriptor(name).fields:
        wanted = theirs[ours.name]
        assert (ours.number, ours.type) == (wanted.number, wire_type(wanted)), ours.name
        assert isinstance(ours.default_value, list) == isinstance(wanted.default_value, list), ours.name
        if ours.message_type is not None:
            assert OFFICIAL[ours.message_type.name].DESCRIPTOR is wanted.message_type, ours.name


def test_a_file_is_read_as_onnx_reads_it() -> None:
    model = image_classifier()
    read = model_class().FromString(model.SerializeToString())
    assert read.ir_version == model.ir_version
    assert [(one.domain, one.version) for one in read.opset_import] == [("", 17)]
    assert [node.op_type for node in read.graph.node] == [node.op_type for node in model.graph.node]
    assert [one.name for one in read.graph.initializer] == [one.name for one in model.graph.initializer]
    (image,) = read.graph.input
    assert [dim.dim_value for dim in image.type.tensor_type.shape.dim] == [1, 3, 16, 16]


def test_weights_are_not_read() -> None:
    fields = descriptor("Tensor").fields_by_name
    assert not {"raw_data", "float_data", "int32_data", "int64_data"} & set(fields)


def test_it_is_made_once_and_leaves_the_shared_pool_alone() -> None:
    assert model_class() is model_class()
    # onnx is loaded in this process; two descriptions of one name in a pool would be an error.
    assert model_class().DESCRIPTOR.file.pool is not onnx.ModelProto.DESCRIPTOR.file.pool


def test_without_protobuf_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "google.protobuf", None)
    with pytest.raises(MissingRuntimeError, match="needs the package `protobuf`") as caught:
        model_class.__wrapped__()
    assert "edgeinfer[onnx]" in caught.value.hint
