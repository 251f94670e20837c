"""An inspection as text."""

from __future__ import annotations

import onnx

from edgeinfer.frames import Quantization, TensorInfo
from edgeinfer.profile import load_profile
from edgeinfer.terminal import WIDTH
from edgeinfer_converters.sources.inspect import Inspection, Obstacle, inspect_model
from edgeinfer_converters.sources.inspect_text import render_text
from tests.fixtures.models import image_classifier


def test_text() -> None:
    text = render_text(inspect_model(image_classifier(), load_profile("generic-x86-64")))
    assert text.splitlines() == [
        "format        onnx, opset 17, IR version 9",
        "input         image float32 1×3×16×16",
        "output        logits float32 1×3",
        "parameters    331",
        "MACs          18.46 k (18,456)",
        "activations   5 KiB at most at a time",
        "operators     Conv 2, Relu 2, Flatten 1, Gemm 1, GlobalAveragePool 1",
        "profile       generic-x86-64: nothing that its runtime cannot run",
    ]


def foreign() -> onnx.ModelProto:
    """A classifier whose last operator is someone's own."""
    model = image_classifier()
    model.graph.node[-1].op_type = "Wobble"
    model.graph.node[-1].domain = "com.example"
    model.opset_import.add(domain="com.example", version=1)
    return model


def test_a_foreign_operator_without_a_profile() -> None:
    lines = render_text(inspect_model(foreign(), None)).splitlines()
    assert lines[-1] == "obstacles     onnxruntime has no operator com.example.Wobble"


def test_a_count_stays_with_its_name() -> None:
    lines = render_text(inspect_model(foreign(), load_profile("raspberry-pi-4"))).splitlines()
    assert lines[-4:] == [
        "operators     Conv 2, Relu 2, Flatten 1, GlobalAveragePool 1,",
        "              com.example.Wobble 1",
        "profile       raspberry-pi-4: cannot run the model as it is",
        "              onnxruntime has no operator com.example.Wobble",
    ]


def test_text_of_what_is_unusual() -> None:
    found = Inspection(
        format="tflite",
        quantized=True,
        inputs=(
            TensorInfo(
                name="a" * 30,
                dtype="int8",
                shape=(1, -1),
                quantization=Quantization(scale=0.0078125, zero_point=-3),
            ),
        ),
        outputs=(TensorInfo(name="y", dtype="float32", shape=()),),
        operators={f"OPERATOR_{number}": number for number in range(40)},
        parameters=None,
        macs=3_000_000_000,
        peak_activation_bytes=None,
        opset=0,
        ir_version=0,
        profile="pi",
        obstacles=(Obstacle(runtime="tflite", reason="has no operator " + "x" * 60),),
    )
    text = render_text(found)
    assert all(len(line) <= WIDTH for line in text.splitlines())
    for part in ("tflite, quantized", "1×?, scale 0.0078125, zero point -3", "3.00 G", "y float32 scalar"):
        assert part in " ".join(text.split())
    assert "pi: cannot run the model as it is" in text
    assert "parameters" not in text
