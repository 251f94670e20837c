"""What a TFLite file says about itself; hostile files."""

from __future__ import annotations

import sys
from typing import Any

import flatbuffers
import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema
from hypothesis import given, settings
from hypothesis import strategies as st

from edgeinfer.backends import BackendOptions, open_backend
from edgeinfer.bundle.tflite_file import describe
from edgeinfer.errors import ModelError
from edgeinfer.frames import Quantization, TensorInfo


def tensor(name: str, shape: list[int], *, kind: int = schema.TensorType.FLOAT32, **fields: Any) -> Any:
    made = schema.TensorT()
    made.name, made.shape, made.type = name, shape, kind
    made.hasRank = True
    for field, content in fields.items():
        setattr(made, field, content)
    return made


def quantization(scale: list[float], zero_point: list[int]) -> Any:
    made = schema.QuantizationParametersT()
    made.scale, made.zeroPoint = np.array(scale, np.float32), np.array(zero_point, np.int64)
    return made


def code(builtin: int, custom: str | None = None) -> Any:
    made = schema.OperatorCodeT()
    made.builtinCode = builtin
    made.deprecatedBuiltinCode = min(builtin, 127)
    made.customCode = custom
    made.version = 1
    return made


def operator(index: int = 0, inputs: list[int] | None = None, output: int = 1) -> Any:
    made = schema.OperatorT()
    made.opcodeIndex = index
    made.inputs, made.outputs = inputs or [0, 0], [output]
    made.builtinOptionsType = schema.BuiltinOptions.AddOptions
    made.builtinOptions = schema.AddOptionsT()
    return made


def graph(tensors: list[Any] | None = None, operators: list[Any] | None = None) -> Any:
    made = schema.SubGraphT()
    made.tensors = tensors or [tensor("x", [1, 4]), tensor("y", [1, 4])]
    made.inputs, made.outputs = [0], [1]
    made.operators = [operator()] if operators is None else operators
    made.name = "main"
    return made


def model(*graphs: Any, codes: list[Any] | None = None, **fields: Any) -> Any:
    made = schema.ModelT()
    made.version = 3
    made.subgraphs = list(graphs) or [graph()]
    made.operatorCodes = codes or [code(schema.BuiltinOperator.ADD)]
    made.buffers = [schema.BufferT()]
    for field, content in fields.items():
        setattr(made, field, content)
    return made


def data_of(made: Any) -> bytes:
    builder = flatbuffers.Builder(1024)
    builder.Finish(made.Pack(builder), b"TFL3")
    return bytes(builder.Output())


def test_a_model_is_described_as_the_runtime_sees_it() -> None:
    data = data_of(model())
    found = describe(data)
    assert found.inputs == (TensorInfo(name="x", dtype="float32", shape=(1, 4)),)
    assert found.outputs == (TensorInfo(name="y", dtype="float32", shape=(1, 4)),)
    assert found.operators == {"ADD": 1}
    assert (found.opset, found.ir_version) == (0, 0)
    with open_backend(data, "tflite", BackendOptions()) as backend:
        assert (backend.inputs, backend.outputs) == (found.inputs, found.outputs)


def test_quantization_of_whole_tensors_is_described() -> None:
    int8 = schema.TensorType.INT8
    tensors = [
        tensor("x", [1, 4], kind=int8, quantization=quantization([0.5], [-3])),
        tensor("y", [2, 4], kind=int8, quantization=quantization([0.5, 0.25], [0, 0])),
    ]
    found = describe(data_of(model(graph(tensors))))
    assert found.inputs[0].quantization == Quantization(scale=0.5, zero_point=-3)
    assert found.outputs[0].quantization is None


def test_open_dimensions_come_from_the_signature() -> None:
    tensors = [tensor("x", [1, 4], shapeSignature=[-1, 4]), tensor("y", [])]
    found = describe(data_of(model(graph(tensors))))
    assert found.inputs[0].shape == (-1, 4)
    assert found.outputs[0].shape == ()


def test_subgraphs_custom_and_new_operators_are_counted() -> None:
    codes = [code(schema.BuiltinOperator.ADD), code(schema.BuiltinOperator.CUSTOM, "Detect"), code(9999)]
    steps = [operator(1, [0], 1), operator(2, [0], 2), operator(0, [0, 0], 3)]
    other = graph([tensor(name, [1, 4]) for name in "xyzw"], steps)
    found = describe(data_of(model(graph(), other, codes=codes)))
    assert found.operators == {"ADD": 2, "custom.Detect": 1, "unknown.9999": 1}


@pytest.mark.parametrize(("name", "newer"), [("NEG", False), ("GELU", True)])
def test_operator_codes_above_127_are_read_from_the_newer_field(name: str, newer: bool) -> None:
    number = getattr(schema.BuiltinOperator, name)
    assert (number > 127) is newer
    step = operator(0, [0], 1)
    step.builtinOptionsType, step.builtinOptions = 0, None
    found = describe(data_of(model(graph(operators=[step]), codes=[code(number)])))
    assert found.operators == {name: 1}


def buffer(offset: int, size: int) -> Any:
    made = schema.BufferT()
    made.offset, made.size = offset, size
    return made


def with_input(index: int) -> Any:
    made = graph()
    made.inputs = [index]
    return made


@pytest.mark.parametrize(
    ("made", "text"),
    [
        pytest.param(model(version=2), "schema version 2", id="old schema"),
        pytest.param(model(graph([tensor("x\x1b[0m", [1]), tensor("y", [1])])), "not printable", id="name"),
        pytest.param(
            model(graph([tensor("x", [1], kind=schema.TensorType.STRING), tensor("y", [1])])),
            "string",
            id="text",
        ),
        pytest.param(model(graph([tensor("x", [1] * 17), tensor("y", [1])])), "17 dimensions", id="rank"),
        pytest.param(model(with_input(7)), "names tensor 7", id="tensor index"),
        pytest.param(model(with_input(-1)), "names tensor -1", id="negative tensor index"),
        pytest.param(model(graph(operators=[operator(5)])), "has no code", id="operator index"),
        pytest.param(model(codes=[code(32, "a\nb")]), "not printable", id="custom name"),
        pytest.param(model(codes=[code(32, "a" * 5000)]), "too long", id="long custom name"),
        pytest.param(model(codes=[code(0)] * 1025), "1025 operator codes", id="many codes"),
        pytest.param(model(buffers=[buffer(2**40, 8)]), "beyond the end", id="offset"),
        pytest.param(model(buffers=[buffer(8, 2**40)]), "beyond the end", id="size"),
        pytest.param(model(externalBuffers=[schema.ExternalBufferT()]), "outside the file", id="external"),
    ],
)
def test_models_that_cannot_be_used_are_refused(made: Any, text: str) -> None:
    with pytest.raises(ModelError, match=text) as caught:
        describe(data_of(made))
    assert caught.value.message.isprintable()


def test_a_cut_file_raises_nothing_but_model_errors() -> None:
    data = data_of(model())
    refused = 0
    for length in range(len(data)):
        try:
            describe(data[:length])
        except ModelError:
            refused += 1
    assert refused > len(data) // 2


@settings(max_examples=300, deadline=None)
@given(st.data())
def test_mutations_raise_nothing_but_model_errors(data: st.DataObject) -> None:
    changed = bytearray(data_of(model()))
    for _ in range(data.draw(st.integers(1, 6))):
        start = data.draw(st.integers(0, len(changed) - 4))
        changed[start : start + 4] = data.draw(st.integers(0, 2**32 - 1)).to_bytes(4, "little")
    message = ""
    try:
        describe(bytes(changed))
    except ModelError as error:
        message = error.message
    assert message.isprintable()


@settings(deadline=None)
@given(st.binary(max_size=200))
def test_garbage_raises_nothing_but_model_errors(data: bytes) -> None:
    with pytest.raises(ModelError):
        describe(b"\x10\0\0\0TFL3" + data)


def test_a_device_without_the_schema_module_can_read_descriptions(monkeypatch: pytest.MonkeyPatch) -> None:
    data = data_of(model())
    monkeypatch.setitem(sys.modules, "ai_edge_litert", None)
    assert describe(data).operators == {"ADD": 1}
