"""Looking at a model, as numbers and as text."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from onnx import helper

from edgeinfer.errors import ModelError
from edgeinfer.frames import TensorInfo
from edgeinfer.profile import Integer, Profile, load_profile
from edgeinfer.strict import decode_json, encode_json, replace
from edgeinfer_converters.importers.onnx import read_onnx
from edgeinfer_converters.importers.tflite import read_tflite
from edgeinfer_converters.quantize.static import quantize_int8
from edgeinfer_converters.sources.inspect import Inspection, Obstacle, inspect_model
from tests.fixtures.graphs import classifier, ranges_of
from tests.fixtures.models import autoencoder, doubler, image_classifier
from tests.fixtures.tflite_graphs import Writer, network, options


@pytest.fixture
def profile() -> Profile:
    return load_profile("generic-x86-64")


def test_a_float_model(profile: Profile) -> None:
    found = inspect_model(image_classifier(), profile)
    assert found.format == "onnx"
    assert not found.quantized
    assert found.inputs == (TensorInfo(name="image", dtype="float32", shape=(1, 3, 16, 16)),)
    assert found.outputs == (TensorInfo(name="logits", dtype="float32", shape=(1, 3)),)
    assert found.operators["Conv"] == 2
    assert found.macs == 8 * 8 * 8 * 27 + 8 * 8 * 8 * 9 + 24
    assert found.parameters == 331
    assert found.peak_activation_bytes == (3 * 16 * 16 + 8 * 8 * 8) * 4
    assert (found.opset, found.ir_version) == (17, 9)
    assert found.obstacles == ()


def test_without_a_profile() -> None:
    found = inspect_model(doubler(), None)
    assert found.profile is None
    assert found.obstacles == ()


def test_a_quantized_model(profile: Profile) -> None:
    model = classifier()
    quantized = quantize_int8(model, ranges_of(model), Integer(activation="uint8"))
    found = inspect_model(quantized, profile)
    assert found.quantized
    assert found.macs == inspect_model(model, profile).macs
    assert found.obstacles == ()


def test_versions_that_the_runtime_does_not_read(profile: Profile) -> None:
    runtime = replace(profile.runtime[0], name="onnxruntime", max_opset=15, max_ir_version=8)
    found = inspect_model(image_classifier(), replace(profile, runtime=(runtime,)))
    assert [one.reason for one in found.obstacles] == [
        "reads opset 15 at most; the model has 17",
        "reads IR version 8 at most; the file has 9",
    ]


def test_custom_operators(profile: Profile) -> None:
    model = doubler()
    model.graph.node.append(helper.make_node("Wobble", ["x"], ["z"], domain="com.example"))
    model.opset_import.add(domain="com.example", version=1)
    found = inspect_model(model, profile)
    assert Obstacle(runtime="onnxruntime", reason="has no operator com.example.Wobble") in found.obstacles


def test_a_model_that_cannot_be_made_ready(profile: Profile) -> None:
    model = autoencoder()
    model.graph.input[0].type.tensor_type.shape.dim[1].dim_param = "time"
    (obstacle,) = inspect_model(model, profile).obstacles
    assert obstacle.runtime == "edgeinfer-convert"
    assert "dimension 1 (time)" in obstacle.reason
    # What to do next: `build` knows sizes that `inspect` does not.
    assert "an [[input]] of kind `image` fixes height and width" in obstacle.reason


def test_a_runtime_that_the_profile_does_not_have(profile: Profile) -> None:
    only_tflite = tuple(one for one in load_profile("raspberry-pi-4").runtime if one.name == "tflite")
    assert only_tflite
    (obstacle,) = inspect_model(doubler(), replace(profile, runtime=only_tflite)).obstacles
    assert "is not what" in obstacle.reason


def test_a_float_tflite_model_in_numbers(profile: Profile) -> None:
    found = inspect_model(network(), profile)
    assert (found.format, found.quantized, found.obstacles) == ("tflite", False, ())
    assert found.operators["CONV_2D"] == 1
    assert found.macs == 16 * 16 * 4 * (27 + 9) + 12
    assert found.parameters is not None
    assert found.parameters >= 4 * 27 + 4 + 4 * 9 + 4 + 12 + 3
    assert found.peak_activation_bytes is not None
    assert found.peak_activation_bytes >= 2 * 16 * 16 * 4 * 4


def test_a_tflite_model_without_an_equal_in_onnx_is_looked_at_too(profile: Profile) -> None:
    found = inspect_model(network(mystery=True), profile)
    assert (found.macs, found.parameters, found.peak_activation_bytes) == (None, None, None)
    assert found.obstacles == (Obstacle(runtime="tflite", reason="has no operator custom.Mystery"),)


def test_weights_alone_make_a_tflite_model_a_quantized_one(profile: Profile) -> None:
    writer = Writer()
    weights = writer.scaled(writer.constant(np.ones((4, 3)), "int8"))
    names = [writer.input(1, 3), weights]
    writer.graph.outputs = [writer.operator("FULLY_CONNECTED", names, options("FullyConnected"))]
    assert inspect_model(writer.pack(), profile).quantized


def test_bytes_that_are_no_model(profile: Profile) -> None:
    with pytest.raises(ModelError):
        inspect_model(b"\x1c\0\0\0TFL3" + bytes(40), profile)


def test_an_inspection_survives_json(profile: Profile) -> None:
    found = inspect_model(image_classifier(), profile)
    assert decode_json(encode_json(found), Inspection, "test") == found


@pytest.mark.zoo
def test_the_zoo_can_be_looked_at(zoo: Path) -> None:
    profile = load_profile("raspberry-pi-4")
    for path in sorted((zoo / "models").rglob("*.onnx")):
        found = inspect_model(read_onnx(path), profile)
        assert found.obstacles == ()
        assert found.macs
    for path in sorted((zoo / "models").rglob("*.tflite")):
        assert inspect_model(read_tflite(path), profile).obstacles == ()
