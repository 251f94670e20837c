"""Reading ONNX files."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from onnx import TensorProto, helper

from edgeinfer.errors import ModelError
from edgeinfer_converters.importers.onnx import is_quantized, read_onnx
from tests.fixtures.models import doubler, image_classifier, model_of


def save(model: onnx.ModelProto, folder: Path) -> Path:
    path = folder / "model.onnx"
    path.write_bytes(model.SerializeToString())
    return path


def of_operator(op_type: str, domain: str = "") -> onnx.ModelProto:
    """A model of one node that nobody checked."""
    model = doubler()
    model.graph.node[0].op_type = op_type
    model.graph.node[0].domain = domain
    if domain:
        model.opset_import.add(domain=domain, version=1)
    return model


def test_a_sound_model_comes_as_it_is(tmp_path: Path) -> None:
    model = image_classifier()
    assert read_onnx(save(model, tmp_path)) == model


def test_external_data_beside_the_model(tmp_path: Path) -> None:
    model = image_classifier()
    onnx.save_model(
        model, tmp_path / "m.onnx", save_as_external_data=True, location="m.data", size_threshold=0
    )
    read = read_onnx(tmp_path / "m.onnx")
    assert not any(tensor.external_data for tensor in read.graph.initializer)
    assert [tensor.raw_data for tensor in read.graph.initializer] == [
        tensor.raw_data for tensor in image_classifier().graph.initializer
    ]


@pytest.mark.parametrize(
    ("content", "message", "hint"),
    [
        (b"", "is empty", "again"),
        (b"\x08", "not an ONNX model", "again"),
        (bytes(range(256)), "not an ONNX model", "again"),
        (b"\x1c\0\0\0TFL3" + bytes(64), "not an ONNX model", "TFLite"),
        (b"version https://git-lfs.github.com/spec/v1\n", "not an ONNX model", "git lfs pull"),
        (onnx.ModelProto(ir_version=8).SerializeToString(), "no graph", "again"),
    ],
)
def test_other_files(content: bytes, message: str, hint: str, tmp_path: Path) -> None:
    (tmp_path / "m.onnx").write_bytes(content)
    with pytest.raises(ModelError, match=message) as caught:
        read_onnx(tmp_path / "m.onnx")
    assert hint in caught.value.hint


def test_a_folder_and_nothing(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="folder"):
        read_onnx(tmp_path)
    with pytest.raises(ModelError, match="no such"):
        read_onnx(tmp_path / "absent.onnx")


@settings(max_examples=60)
@given(cut=st.integers(min_value=1, max_value=len(image_classifier().SerializeToString()) - 1))
def test_a_truncated_file(cut: int, tmp_path_factory: pytest.TempPathFactory) -> None:
    path = tmp_path_factory.mktemp("cut") / "m.onnx"
    path.write_bytes(image_classifier().SerializeToString()[:cut])
    with pytest.raises(ModelError):
        read_onnx(path)


@settings(max_examples=150)
@given(position=st.integers(min_value=0, max_value=10_000), value=st.integers(min_value=0, max_value=255))
def test_a_changed_byte_ends_in_a_model_or_a_clear_error(
    position: int, value: int, tmp_path_factory: pytest.TempPathFactory
) -> None:
    data = bytearray(image_classifier().SerializeToString())
    data[position % len(data)] = value
    path = tmp_path_factory.mktemp("changed") / "m.onnx"
    path.write_bytes(data)
    try:
        model = read_onnx(path)
    except ModelError:
        return
    onnx.checker.check_model(model)


@settings(max_examples=50)
@given(data=st.binary(min_size=1, max_size=200))
def test_random_bytes(data: bytes, tmp_path_factory: pytest.TempPathFactory) -> None:
    path = tmp_path_factory.mktemp("random") / "m.onnx"
    path.write_bytes(data)
    with pytest.raises(ModelError):
        read_onnx(path)


def test_all_unknown_operators_are_named_at_once(tmp_path: Path) -> None:
    model = of_operator("Frobnicate")
    model.graph.node.append(helper.make_node("Wobble", ["x"], ["z"], domain="com.example"))
    model.graph.node.append(helper.make_node("EPContext", ["x"], ["e"], domain="com.microsoft"))
    with pytest.raises(ModelError) as caught:
        read_onnx(save(model, tmp_path))
    assert "Frobnicate, com.example.Wobble, com.microsoft.EPContext" in caught.value.message


def test_unknown_operators_can_be_let_through_for_a_look(tmp_path: Path) -> None:
    model = of_operator("Wobble", "com.example")
    path = save(model, tmp_path)
    with pytest.raises(ModelError, match=r"com\.example\.Wobble"):
        read_onnx(path)
    assert read_onnx(path, runnable=False).graph.node[0].op_type == "Wobble"


def test_an_operator_that_nobody_knows_may_be_looked_at(tmp_path: Path) -> None:
    model = image_classifier()
    model.graph.node[1].op_type = "Frobnicate"
    path = save(model, tmp_path)
    with pytest.raises(ModelError, match="Frobnicate"):
        read_onnx(path)
    found = read_onnx(path, runnable=False)
    assert found == model


@pytest.mark.parametrize("fault", ["a missing input", "a domain that is not imported"])
def test_a_look_needs_a_sound_model_too(tmp_path: Path, fault: str) -> None:
    model = image_classifier()
    model.graph.node[1].op_type = "Frobnicate"
    if fault == "a missing input":
        del model.graph.node[0].input[1:]
    else:
        model.graph.node[0].domain = "com.example"
    with pytest.raises(ModelError, match="not a sound ONNX model"):
        read_onnx(save(model, tmp_path), runnable=False)


def test_a_name_that_is_no_text(tmp_path: Path) -> None:
    data = image_classifier().SerializeToString()
    (tmp_path / "m.onnx").write_bytes(data.replace(b"relu1", b"rel\xff1"))
    with pytest.raises(ModelError, match="not UTF-8"):
        read_onnx(tmp_path / "m.onnx")


def test_an_opset_that_is_too_old(tmp_path: Path) -> None:
    model = doubler()
    model.opset_import[0].version = 6
    with pytest.raises(ModelError, match="opset 6; 7 is the oldest"):
        read_onnx(save(model, tmp_path))


def test_a_graph_that_contradicts_itself(tmp_path: Path) -> None:
    model = doubler()
    model.graph.node[0].input[1] = "nobody"
    with pytest.raises(ModelError, match="not a sound ONNX model"):
        read_onnx(save(model, tmp_path))


def test_shapes_that_contradict_each_other(tmp_path: Path) -> None:
    model = image_classifier()
    model.graph.output[0].type.tensor_type.shape.dim[1].dim_value = 5
    with pytest.raises(ModelError, match="not a sound ONNX model"):
        read_onnx(save(model, tmp_path))


def test_float_models_are_not_quantized() -> None:
    assert not is_quantized(image_classifier())


@pytest.mark.parametrize("op_type", ["QuantizeLinear", "DequantizeLinear", "QLinearConv", "MatMulNBits"])
def test_quantized_models_are_seen(op_type: str) -> None:
    assert is_quantized(of_operator(op_type))


def test_quantized_operators_in_a_subgraph_are_seen() -> None:
    inner = of_operator("QuantizeLinear").graph
    outer = doubler()
    outer.graph.node.append(helper.make_node("If", ["f"], ["o"], then_branch=inner, else_branch=inner))
    assert is_quantized(outer)


def test_a_quantized_model_can_be_read(tmp_path: Path) -> None:
    weights: dict[str, np.ndarray] = {"s": np.array(0.1, np.float32), "z": np.array(0, np.int8)}
    model = model_of(
        [helper.make_node("QuantizeLinear", ["x", "s", "z"], ["y"])],
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, 4])],
        [helper.make_tensor_value_info("y", TensorProto.INT8, [1, 4])],
        weights,
    )
    assert is_quantized(read_onnx(save(model, tmp_path)))


@pytest.mark.zoo
def test_the_zoo_can_be_read(zoo: Path) -> None:
    files = sorted((zoo / "models").rglob("*.onnx"))
    assert files
    quantized = [path.name for path in files if is_quantized(read_onnx(path))]
    assert quantized == [path.name for path in files if "qdq" in path.name]


def test_functions_that_multiply_do_not_reach_the_checker(tmp_path: Path) -> None:
    model = onnx.ModelProto()
    model.CopyFrom(doubler())
    opsets = [helper.make_opsetid("", 17), helper.make_opsetid("own", 1)]
    for number in range(30):
        kind, domain = (f"F{number - 1}", "own") if number else ("Abs", "")
        body = [
            helper.make_node(kind, ["a"], ["t"], domain=domain),
            helper.make_node(kind, ["t"], ["b"], domain=domain),
        ]
        model.functions.append(helper.make_function("own", f"F{number}", ["a"], ["b"], body, opsets))
    model.graph.node[0].CopyFrom(helper.make_node("F29", ["x"], ["y"], domain="own"))
    model.opset_import.add(domain="own", version=1)
    (tmp_path / "bomb.onnx").write_bytes(model.SerializeToString())
    for runnable in (True, False):
        with pytest.raises(ModelError, match="when its functions are expanded"):
            read_onnx(tmp_path / "bomb.onnx", runnable=runnable)


@pytest.mark.parametrize("runnable", [True, False])
def test_an_opset_beyond_all_numbers_is_refused(tmp_path: Path, *, runnable: bool) -> None:
    model = doubler()
    model.opset_import[0].version = 2**40
    with pytest.raises(ModelError, match="out of supported range"):
        read_onnx(save(model, tmp_path), runnable=runnable)
