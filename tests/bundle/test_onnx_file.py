"""What an ONNX file says about itself, against the onnx package; hostile files."""

from __future__ import annotations

import builtins
from typing import Any

import numpy as np
import onnx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from onnx import TensorProto, helper, numpy_helper

from edgeinfer.bundle import onnx_schema
from edgeinfer.bundle.onnx_file import describe
from edgeinfer.errors import MissingRuntimeError, ModelError
from edgeinfer.frames import DTYPES, TensorInfo
from tests.fixtures.models import IR_VERSION, OPSET, autoencoder, doubler, image_classifier

FLOAT = TensorProto.FLOAT


def value(name: str, shape: Any = (1,), kind: int = FLOAT) -> onnx.ValueInfoProto:
    return helper.make_tensor_value_info(name, kind, shape)


def model(nodes: list[Any], *, inputs: Any = None, outputs: Any = None, **graph: Any) -> onnx.ModelProto:
    """A model that onnx's checker was not asked about."""
    made = helper.make_graph(nodes, "g", inputs or [value("x")], outputs or [value("y")], **graph)
    return helper.make_model(made, ir_version=IR_VERSION, opset_imports=[helper.make_opsetid("", OPSET)])


def data_of(proto: onnx.ModelProto) -> bytes:
    data: bytes = proto.SerializeToString()
    return data


def external(name: str = "w") -> onnx.TensorProto:
    tensor = numpy_helper.from_array(np.zeros(4, np.float32), name)
    tensor.ClearField("raw_data")
    tensor.data_location = TensorProto.EXTERNAL
    tensor.external_data.add(key="location", value="../secret")
    return tensor


def node(op_type: str = "Add", **attributes: Any) -> onnx.NodeProto:
    return helper.make_node(op_type, ["x", "x"], ["y"], **attributes)


def test_a_model_is_described() -> None:
    found = describe(data_of(image_classifier(batch="N")))
    assert found.inputs == (TensorInfo(name="image", dtype="float32", shape=(-1, 3, 16, 16)),)
    assert found.outputs == (TensorInfo(name="logits", dtype="float32", shape=(-1, 3)),)
    assert found.operators == {"Conv": 2, "Flatten": 1, "Gemm": 1, "GlobalAveragePool": 1, "Relu": 2}
    assert (found.opset, found.ir_version) == (OPSET, IR_VERSION)


@pytest.mark.parametrize("proto", [image_classifier(), autoencoder(), doubler()])
def test_the_onnx_package_says_the_same(proto: onnx.ModelProto) -> None:
    found = describe(data_of(proto))
    for tensors, values in ((found.inputs, proto.graph.input), (found.outputs, proto.graph.output)):
        assert [one.name for one in tensors] == [one.name for one in values]
        for one, other in zip(tensors, values, strict=True):
            kind = other.type.tensor_type
            assert one.shape == tuple(axis.dim_value for axis in kind.shape.dim)
            assert DTYPES[one.dtype] == helper.tensor_dtype_to_np_dtype(kind.elem_type)
    assert sum(found.operators.values()) == len(proto.graph.node)


@pytest.mark.parametrize(
    ("code", "name"), sorted((helper.np_dtype_to_tensor_dtype(d), n) for n, d in DTYPES.items())
)
def test_every_element_type_that_numpy_has(code: int, name: str) -> None:
    proto = model([node()], inputs=[value("x", (2,), code)], outputs=[value("y", (2,), code)])
    assert describe(data_of(proto)).inputs[0].dtype == name


def test_open_dimensions_are_minus_one() -> None:
    proto = model([node()], inputs=[value("x", ("N", None, 3, -5))], outputs=[value("y", ())])
    found = describe(data_of(proto))
    assert found.inputs[0].shape == (-1, -1, 3, -1)
    assert found.outputs[0].shape == ()


def test_weights_among_the_inputs_are_no_inputs() -> None:
    weight = numpy_helper.from_array(np.ones(1, np.float32), "w")
    proto = model([node()], inputs=[value("x"), value("w")], initializer=[weight])
    assert [one.name for one in describe(data_of(proto)).inputs] == ["x"]


def test_subgraphs_functions_and_domains_are_counted() -> None:
    inner = helper.make_graph([node("Relu"), node("Custom", domain="acme")], "inner", [], [value("y")])
    branches = helper.make_node("If", ["x"], ["y"], then_branch=inner, else_branch=inner)
    nested = helper.make_graph([branches], "nested", [], [value("y")])
    loop = helper.make_node("Loop", ["x"], ["y"], body=nested)
    proto = model([loop, node(domain="ai.onnx")])
    function = helper.make_function(
        "mine", "Twice", ["a"], ["b"], [node("Sub")], [helper.make_opsetid("", OPSET)]
    )
    proto.functions.append(function)
    assert describe(data_of(proto)).operators == {
        "Add": 1,
        "If": 1,
        "Loop": 1,
        "Relu": 2,
        "Sub": 1,
        "acme.Custom": 2,
    }


def sparse(values: Any, indices: Any) -> onnx.SparseTensorProto:
    proto = onnx.SparseTensorProto(dims=[4])
    proto.values.CopyFrom(values)
    proto.indices.CopyFrom(indices)
    return proto


FINE = numpy_helper.from_array(np.zeros(1, np.int64), "fine")


def in_function() -> onnx.ModelProto:
    proto = model([node()])
    inside = helper.make_node("Constant", [], ["c"], value=external())
    proto.functions.append(helper.make_function("m", "F", ["a"], ["c"], [inside], []))
    return proto


def in_function_default() -> onnx.ModelProto:
    proto = model([node()])
    function = helper.make_function("m", "F", ["a"], ["b"], [node()], [])
    function.attribute_proto.append(helper.make_attribute("weights", external()))
    proto.functions.append(function)
    return proto


def in_subgraph() -> onnx.ModelProto:
    inner = helper.make_graph([node()], "inner", [], [value("y")], initializer=[external()])
    deeper = helper.make_graph(
        [helper.make_node("If", ["x"], ["y"], then_branch=inner)], "d", [], [value("y")]
    )
    return model([helper.make_node("If", ["x"], ["y"], then_branch=deeper)])


def only_location() -> onnx.ModelProto:
    tensor = external()
    tensor.ClearField("external_data")
    return model([node()], initializer=[tensor])


def only_entries() -> onnx.ModelProto:
    tensor = external()
    tensor.ClearField("data_location")
    return model([node()], initializer=[tensor])


def memory_marker() -> onnx.ModelProto:
    tensor = external()
    tensor.external_data[0].value = "*/_ORT_MEM_ADDR_/*"
    return model([node()], initializer=[tensor])


@pytest.mark.parametrize(
    "proto",
    [
        pytest.param(model([node()], initializer=[external()]), id="initializer"),
        pytest.param(model([node()], sparse_initializer=[sparse(external(), FINE)]), id="sparse values"),
        pytest.param(model([node()], sparse_initializer=[sparse(FINE, external())]), id="sparse indices"),
        pytest.param(model([node("Constant", value=external())]), id="Constant"),
        pytest.param(model([node("Constant", sparse_value=sparse(external(), FINE))]), id="Constant sparse"),
        pytest.param(model([node("Many", values=[FINE, external()])]), id="list of tensors"),
        pytest.param(
            model([node("Many", values=[sparse(FINE, FINE), sparse(FINE, external())])]), id="sparse list"
        ),
        pytest.param(in_subgraph(), id="subgraph"),
        pytest.param(in_function(), id="function"),
        pytest.param(in_function_default(), id="function default"),
        pytest.param(only_location(), id="location without entries"),
        pytest.param(only_entries(), id="entries without location"),
        pytest.param(memory_marker(), id="in-memory marker"),
    ],
)
def test_external_data_is_refused_wherever_it_hides(proto: onnx.ModelProto) -> None:
    with pytest.raises(ModelError, match="outside the model file"):
        describe(data_of(proto))


def training() -> onnx.ModelProto:
    proto = model([node()])
    proto.training_info.add()
    return proto


def sequence() -> onnx.ModelProto:
    return model([node()], inputs=[helper.make_tensor_sequence_value_info("x", FLOAT, [1])])


@pytest.mark.parametrize(
    ("proto", "text"),
    [
        pytest.param(onnx.ModelProto(ir_version=8), "no graph", id="empty"),
        pytest.param(training(), "training", id="training"),
        pytest.param(sequence(), "not a tensor", id="sequence"),
        pytest.param(model([node("EPContext", domain="com.microsoft")]), "EPContext", id="compiled"),
        pytest.param(model([node("")]), "without a type", id="no type"),
        pytest.param(model([node("Add\x1b[31m")]), "not printable", id="operator name"),
        pytest.param(model([node("Add", domain="a\nb")]), "not printable", id="domain"),
        pytest.param(model([node()], inputs=[value("x\x07")]), "not printable", id="input name"),
        pytest.param(
            model([node()], inputs=[value("x", (1,), TensorProto.STRING)]), "element type", id="text"
        ),
        pytest.param(model([node()], inputs=[value("x", (1,), 99)]), "element type", id="unknown type"),
        pytest.param(model([node()], outputs=[value("y", None)]), "no shape", id="no shape"),
    ],
)
def test_models_that_cannot_be_used_are_refused(proto: onnx.ModelProto, text: str) -> None:
    with pytest.raises(ModelError, match=text) as caught:
        describe(data_of(proto))
    assert caught.value.message.isprintable()


def test_endless_nesting_is_refused() -> None:
    # A graph in an attribute in a node in a graph …, built from the inside as raw fields.
    def field(number: int, inner: bytes) -> bytes:
        length, size = b"", len(inner)
        while True:
            length += bytes([size & 127 | (128 if size > 127 else 0)])
            size >>= 7
            if not size:
                return bytes([number << 3 | 2]) + length + inner

    graph = b""
    for _ in range(2000):
        graph = field(1, field(5, field(6, graph)))
    with pytest.raises(ModelError, match="damaged"):
        describe(field(7, graph))


@settings(max_examples=300, deadline=None)
@given(st.data())
def test_mutations_raise_nothing_but_model_errors(data: st.DataObject) -> None:
    changed = bytearray(data_of(doubler()))
    for _ in range(data.draw(st.integers(1, 4))):
        start = data.draw(st.integers(0, len(changed)))
        changed[start : start + data.draw(st.integers(0, 9))] = data.draw(st.binary(max_size=9))
    message = ""
    try:
        describe(bytes(changed))
    except ModelError as error:
        message = error.message
    assert message.isprintable()


@settings(deadline=None)
@given(st.binary(max_size=300))
def test_garbage_raises_nothing_but_model_errors(data: bytes) -> None:
    with pytest.raises(ModelError):
        describe(data)


def test_without_protobuf_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    real = builtins.__import__

    def without(name: str, *arguments: Any, **options: Any) -> Any:
        if name.startswith("google"):
            raise ImportError(name)
        return real(name, *arguments, **options)

    onnx_schema.model_class.cache_clear()
    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(MissingRuntimeError) as caught:
        describe(b"x")
    assert "edgeinfer[onnx]" in caught.value.hint
