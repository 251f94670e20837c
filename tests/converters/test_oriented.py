"""A file with images channels last, seen in the source model's order."""

from __future__ import annotations

import numpy as np

from edgeinfer.backends import BackendOptions, open_backend
from edgeinfer.processing.spec import parse_pipeline_toml
from edgeinfer_converters.oriented import Oriented, TurnedSamples, device_spec, turned
from edgeinfer_converters.samples.sample import Sample
from edgeinfer_converters.tflite import to_tflite
from tests.fixtures.lite import node_model, normal, run_onnx

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
