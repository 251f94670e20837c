"""Reading a model by its extension, and what runtimes are too old for."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path

import onnx
import pytest

from edgeinfer.errors import CompatibilityError, ModelError
from edgeinfer.profile import load_profile
from edgeinfer.strict import replace
from edgeinfer_converters.sources.source import check_readable, prepared_graph, read_source, serialized
from tests.fixtures import tflite
from tests.fixtures.models import doubler, image_classifier
from tests.fixtures.tflite_graphs import network

PI = load_profile("raspberry-pi-4")


@pytest.fixture
def model(tmp_path: Path) -> Path:
    onnx.save(image_classifier(batch="N"), tmp_path / "Tiny.ONNX")
    return tmp_path / "Tiny.ONNX"


def test_an_onnx_model(model: Path) -> None:
    source = read_source(model)
    assert (source.model_format, source.quantized) == ("onnx", False)
    assert source.graph is not None
    assert source.data == serialized(source.graph)


def test_the_model_waits_on_disk(model: Path) -> None:
    source = read_source(model)
    held = [getattr(source, one.name) for one in fields(source)]
    assert not any(isinstance(one, bytes | onnx.ModelProto) for one in held)
    assert source.graph is not source.graph
    assert source.graph == source.graph


def test_an_operator_that_nobody_knows(tmp_path: Path) -> None:
    model = doubler()
    model.graph.node[0].op_type = "Frobnicate"
    onnx.save(model, tmp_path / "m.onnx")
    with pytest.raises(ModelError, match="Frobnicate"):
        read_source(tmp_path / "m.onnx")
    assert read_source(tmp_path / "m.onnx", runnable=False).graph == model


def test_the_prepared_graph_is_what_the_runtime_reads(model: Path) -> None:
    runtime = PI.runtime_for("onnxruntime")
    assert runtime is not None
    graph = prepared_graph(read_source(model), runtime)
    assert graph.ir_version <= runtime.max_ir_version
    assert graph.graph.input[0].type.tensor_type.shape.dim[0].dim_value == 1


def test_a_float_tflite_model(tmp_path: Path) -> None:
    (tmp_path / "m.tflite").write_bytes(network())
    source = read_source(tmp_path / "m.tflite")
    assert (source.model_format, source.quantized, source.graph) == ("tflite", False, None)
    assert source.data == network()
    runtime = PI.runtime_for("onnxruntime")
    assert runtime is not None
    graph = prepared_graph(source, runtime)
    assert [one.name for one in graph.graph.input] == ["image"]
    assert graph.graph.input[0].type.tensor_type.shape.dim[0].dim_value == 1


def test_a_quantized_tflite_model(tmp_path: Path) -> None:
    (tmp_path / "m.tflite").write_bytes(tflite.doubler(quantization=(0.5, 3)))
    assert read_source(tmp_path / "m.tflite").quantized


def test_a_tflite_model_with_an_operator_that_nobody_knows(tmp_path: Path) -> None:
    (tmp_path / "m.tflite").write_bytes(network(mystery=True))
    with pytest.raises(ModelError, match=r"no operator custom.Mystery"):
        read_source(tmp_path / "m.tflite")
    source = read_source(tmp_path / "m.tflite", runnable=False)
    runtime = PI.runtime_for("onnxruntime")
    assert runtime is not None
    with pytest.raises(ModelError, match=r"m.tflite: operators without an equal in ONNX: custom Mystery"):
        prepared_graph(source, runtime)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("damaged.tflite", "damaged.tflite: a damaged TensorFlow Lite model"),
        ("gone.onnx", "no such model file"),
        ("folder.onnx", "is a folder"),
        ("empty.onnx", "is empty"),
        ("random.onnx", "is not an ONNX model"),
        ("random.tflite", "not a TFLite model"),
        ("model.h5", "extension of a model file is .onnx or .tflite"),
        ("model", "extension of a model file"),
    ],
)
def test_what_is_no_model(tmp_path: Path, name: str, message: str) -> None:
    (tmp_path / "folder.onnx").mkdir()
    (tmp_path / "empty.onnx").write_bytes(b"")
    for other in ("random.onnx", "random.tflite", "model.h5", "model"):
        (tmp_path / other).write_bytes(bytes(range(256)))
    (tmp_path / "damaged.tflite").write_bytes(network()[:100])
    with pytest.raises(ModelError, match=message):
        read_source(tmp_path / name)


@pytest.mark.parametrize("limit", ["max_opset", "max_ir_version"])
def test_a_runtime_too_old_for_what_is_packed_as_it_is(tmp_path: Path, limit: str) -> None:
    onnx.save(doubler(), tmp_path / "m.onnx")
    source = read_source(tmp_path / "m.onnx")
    runtime = PI.runtime_for("onnxruntime")
    assert runtime is not None
    check_readable(source, PI, runtime)
    with pytest.raises(CompatibilityError, match="newer than what raspberry-pi-4 reads"):
        check_readable(source, PI, replace(runtime, **{limit: 5}))


def test_serialized_is_the_same_every_time() -> None:
    assert serialized(image_classifier()) == serialized(image_classifier())
