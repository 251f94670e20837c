"""The few fields of ONNX files that are read here, as protobuf messages made at run time.

Field numbers: onnx.proto, https://github.com/onnx/onnx/blob/main/onnx/onnx.proto. Weights are left out:
protobuf skips what a schema does not name. Enumerations are plain numbers, so that none is unknown.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from edgeinfer.errors import MissingRuntimeError

PACKAGE = "edgeinfer.onnx"

# Message -> field -> (number, type); `*` marks repeated ones; a type in capitals is another message.
_SCHEMA: dict[str, dict[str, tuple[int, str]]] = {
    "Model": {
        "ir_version": (1, "int64"),
        "graph": (7, "Graph"),
        "opset_import": (8, "*OperatorSet"),
        "training_info": (20, "*Training"),
        "functions": (25, "*Function"),
    },
    "OperatorSet": {"domain": (1, "string"), "version": (2, "int64")},
    "Training": {},
    "Function": {
        "node": (7, "*Node"),
        "attribute_proto": (11, "*Attribute"),
    },
    "Graph": {
        "node": (1, "*Node"),
        "initializer": (5, "*Tensor"),
        "input": (11, "*ValueInfo"),
        "output": (12, "*ValueInfo"),
        "sparse_initializer": (15, "*SparseTensor"),
    },
    "Node": {"op_type": (4, "string"), "attribute": (5, "*Attribute"), "domain": (7, "string")},
    "Attribute": {
        "t": (5, "Tensor"),
        "g": (6, "Graph"),
        "tensors": (10, "*Tensor"),
        "graphs": (11, "*Graph"),
        "sparse_tensor": (22, "SparseTensor"),
        "sparse_tensors": (23, "*SparseTensor"),
    },
    "Tensor": {
        "name": (8, "string"),
        "external_data": (13, "*Entry"),
        "data_location": (14, "int32"),
    },
    "Entry": {},
    "SparseTensor": {"values": (1, "Tensor"), "indices": (2, "Tensor")},
    "ValueInfo": {"name": (1, "string"), "type": (2, "Type")},
    "Type": {"tensor_type": (1, "TensorType")},
    "TensorType": {"elem_type": (1, "int32"), "shape": (2, "Shape")},
    "Shape": {"dim": (1, "*Dimension")},
    "Dimension": {"dim_value": (1, "int64"), "dim_param": (2, "string")},
}


@lru_cache(maxsize=1)
def model_class() -> Any:
    """The message class of a whole file. Raises MissingRuntimeError where protobuf is not installed."""
    try:
        from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
    except ImportError as error:
        raise MissingRuntimeError(
            "reading ONNX files needs the package `protobuf`, which comes with ONNX Runtime",
            hint="pip install 'edgeinfer[onnx]'",
        ) from error
    file = descriptor_pb2.FileDescriptorProto(name="edgeinfer/onnx.proto", package=PACKAGE, syntax="proto2")
    for message, fields in _SCHEMA.items():
        described = file.message_type.add(name=message)
        for name, (number, kind) in fields.items():
            described.field.add(name=name, number=number, **_field_type(kind))
    # A pool of its own: the default one is shared with every other protobuf user of the process.
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return message_factory.GetMessageClass(pool.FindMessageTypeByName(f"{PACKAGE}.Model"))


def _field_type(kind: str) -> dict[str, Any]:
    from google.protobuf.descriptor_pb2 import FieldDescriptorProto as Field

    label = Field.LABEL_REPEATED if kind.startswith("*") else Field.LABEL_OPTIONAL
    name = kind.removeprefix("*")
    if name in _SCHEMA:
        return {"label": label, "type": Field.TYPE_MESSAGE, "type_name": f".{PACKAGE}.{name}"}
    return {"label": label, "type": getattr(Field, f"TYPE_{name.upper()}")}
