"""Bundles of models that come as TensorFlow Lite files."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import numpy as np
import pytest

from edgeinfer.backends import RUNTIMES, BackendOptions, ModelFormat, open_backend
from edgeinfer.bundle.golden import check_golden
from edgeinfer.processing.spec import ImageInput
from tests.fixtures.builds import build, opened, refused
from tests.fixtures.graphs import SATURATES
from tests.fixtures.tflite_graphs import network


@pytest.fixture
def lite(work: Path) -> bytes:
    """A float TFLite classifier beside the ONNX one; it takes the same images, channels last."""
    data = network()
    (work / "lite.tflite").write_bytes(data)
    return data


@pytest.mark.parametrize("made", ["onnx", "tflite"])
@pytest.mark.parametrize("precision", ["int8", "float16", "mixed"])
def test_a_float_tflite_model_in_another_precision(
    work: Path, lite: bytes, precision: str, made: ModelFormat, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ("--calibration", "cal", "--precision", precision, "--report", "report", "--format", made)
    assert build(*arguments, model="lite.tflite") == 0
    assert f"tiny 1.0.0 for raspberry-pi-4: {precision} {made}" in capsys.readouterr().out
    bundle = opened()
    assert (bundle.manifest.model.format, bundle.manifest.runtime.name) == (made, RUNTIMES[made])
    assert [one.name for one in bundle.pipeline.input] == ["image"]
    (image,) = bundle.pipeline.input
    assert isinstance(image, ImageInput)
    assert image.layout == "nhwc"
    options = BackendOptions(simulate_integers=SATURATES)
    with open_backend(bundle.model(), made, options) as backend:
        assert [one.name for one in backend.outputs] == ["logits"]
        assert check_golden(bundle, backend).passed
    report = json.loads((work / "report" / "report.json").read_bytes())
    assert 20 < report["comparison"]["sqnr_db"]["logits"] < 100
    assert report["details"]["compared"] == 2
    assert report["details"]["provenance"]["source"][0]["sha256"] == hashlib.sha256(lite).hexdigest()


def test_a_float_tflite_model_as_float_onnx(work: Path, lite: bytes) -> None:
    assert build("--format", "onnx", "--precision", "float32", model="lite.tflite") == 0
    bundle = opened()
    image = np.random.default_rng(0).normal(size=(1, 16, 16, 3)).astype(np.float32)
    with (
        open_backend(bundle.model(), "onnx", BackendOptions()) as found,
        open_backend(lite, "tflite", BackendOptions()) as wanted,
    ):
        assert found.inputs == wanted.inputs
        np.testing.assert_allclose(
            found.run({"image": image})["logits"], wanted.run({"image": image})["logits"], atol=1e-5
        )


@pytest.mark.parametrize(
    "arguments", [(), ("--format", "tflite", "--precision", "float32"), ("--precision", "float32")]
)
def test_a_float_tflite_model_as_it_is(work: Path, lite: bytes, arguments: tuple[str, ...]) -> None:
    assert build(*arguments, model="lite.tflite") == 0
    bundle = opened()
    assert (bundle.manifest.model.format, bundle.manifest.model.precision) == ("tflite", "as-is")
    assert bundle.model() == lite


def test_a_float_tflite_model_on_a_device_without_tflite(work: Path, lite: bytes) -> None:
    assert build("--precision", "float32", model="lite.tflite", profile="jetson-orin-nano") == 0
    assert opened().manifest.model.format == "onnx"


def test_a_tflite_model_that_cannot_be_run(work: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (work / "odd.tflite").write_bytes(network(mystery=True))
    message = "odd.tflite: LiteRT 2.1 has no operator custom.Mystery"
    refused(work, message, capsys, "--format", "onnx", model="odd.tflite")
