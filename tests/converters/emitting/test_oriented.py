"""A file with images channels last, seen in the source model's order."""

from __future__ import annotations

import numpy as np
from onnx import helper

from edgeinfer.backends import BackendOptions, open_backend
from edgeinfer.processing.spec import parse_pipeline_toml
from edgeinfer_converters.emitting.oriented import Oriented, TurnedSamples, device_spec, turned
from edgeinfer_converters.samples.sample import Sample
from edgeinfer_converters.tflite.convert import to_tflite
from edgeinfer_converters.tflite.forms import Forms
from tests.fixtures.lite import Arrays, model_of, node_model, normal, run_onnx

LAST = (0, 2, 3, 1)


def test_it_runs_as_if_nothing_had_been_turned() -> None:
    image = {"x": normal(1, 3, 5, 6)}
    model = node_model("Conv", image, constants={"w": normal(4, 3, 2, 2, seed=1)})
    made = to_tflite(model)
    assert made.inputs["x"] == made.outputs["y"] == LAST
    with Oriented(
        open_backend(made.data, "tflite", BackendOptions()), {**made.inputs, **made.outputs}
    ) as one:
        assert one.inputs[0].shape == (1, 3, 5, 6)
        assert one.outputs[0].shape == (1, 4, 4, 5)
        np.testing.assert_allclose(one.run(image)["y"], run_onnx(model, image)["y"], atol=1e-5)


def test_samples_are_turned_each_time_they_are_iterated() -> None:
    sample = Sample("one", {"x": normal(1, 3, 5, 6), "n": normal(1, 2)}, None, 3)
    samples = TurnedSamples([sample], {"x": LAST, "n": (0, 1)}, ())
    for _ in range(2):
        (found,) = samples
        np.testing.assert_array_equal(found.inputs["x"], sample.inputs["x"].transpose(LAST))
        assert found.inputs["x"].flags.c_contiguous
        assert found.inputs["n"] is sample.inputs["n"]
        assert (found.name, found.truth) == ("one", 3)
    assert turned(sample.inputs, {}, ())["x"] is sample.inputs["x"]


def test_the_pipeline_of_the_device() -> None:
    text = b"""
    [model]
    name = "m"
    version = "1.0.0"
    task = "raw"
    [[input]]
    kind = "image"
    name = "x"
    size = [6, 5]
    layout = "nchw"
    [output]
    """
    spec = parse_pipeline_toml(text, "pipeline.toml")
    assert device_spec(spec, {"x": LAST}).input[0].layout == "nhwc"  # type: ignore[union-attr]
    assert device_spec(spec, {"x": (0, 1, 2, 3)}) == spec
    assert device_spec(spec, {}, {"x": "uint8"}).input[0].dtype == "uint8"
    assert device_spec(spec, {}, {"x": "uint8"}).output.dtype == "auto"
    assert device_spec(spec, {}, {"y": "int8"}).output.dtype == "int8"
    assert device_spec(spec, {}, {"y": "int8"}).input == spec.input


def test_integers_are_seen_as_what_they_stand_for() -> None:
    rounded = [
        helper.make_node("QuantizeLinear", ["x", "s", "z"], ["q"]),
        helper.make_node("DequantizeLinear", ["q", "s", "z"], ["d"]),
        helper.make_node("MaxPool", ["d"], ["p"], kernel_shape=[1, 1]),
        helper.make_node("QuantizeLinear", ["p", "s", "z"], ["r"]),
        helper.make_node("DequantizeLinear", ["r", "s", "z"], ["y"]),
    ]
    image = {"x": normal(1, 3, 5, 6)}
    constants: Arrays = {"s": np.array(0.05, np.float32), "z": np.array(7, np.int8)}
    model = model_of(rounded, image, ["y"], constants=constants, opset=21)
    made = to_tflite(model, forms=Forms(integers={"x": "int8", "y": "uint8"}))
    layouts = {**made.inputs, **made.outputs}
    with Oriented(open_backend(made.data, "tflite", BackendOptions()), layouts) as one:
        assert [tensor.dtype for tensor in (*one.inputs, *one.outputs)] == ["float32", "float32"]
        np.testing.assert_allclose(one.run(image)["y"], run_onnx(model, image)["y"], atol=1e-6)
