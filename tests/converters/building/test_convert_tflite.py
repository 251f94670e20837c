"""Building TensorFlow Lite bundles from end to end."""

from __future__ import annotations

import json
import time
from datetime import datetime, timezone
from pathlib import Path

import cv2
import numpy as np
import onnx
import pytest
from onnx import helper

from edgeinfer.backends import BackendOptions, open_backend
from edgeinfer.bundle.golden import check_golden
from edgeinfer.bundle.reader import Bundle
from edgeinfer.frames import Frame
from edgeinfer.pipeline import open_pipeline
from edgeinfer.processing.preprocess import build_preprocessor
from edgeinfer.processing.results import Classification
from edgeinfer.processing.spec import ImageInput
from edgeinfer_converters import cli
from tests.fixtures.builds import opened
from tests.fixtures.data import IMAGE_TOML
from tests.fixtures.models import image_classifier

FORMAT = ("--format", "tflite")


def build(*arguments: str, profile: str = "raspberry-pi-4") -> int:
    options = ["--profile", profile, "--pipeline", "pipeline.toml", "-o", "out.eib"]
    return cli.main(["build", "tiny.onnx", *options, *arguments])


def answers(bundle: Bundle, folder: Path) -> list[np.ndarray]:
    """What the device makes of the pictures: its own preprocessing, its own runtime."""
    with open_backend(bundle.model(), bundle.manifest.model.format, BackendOptions()) as backend:
        assert check_golden(bundle, backend).passed
        prepare = build_preprocessor(bundle.pipeline.input[0], backend.inputs[0])
        frames = [np.asarray(cv2.imread(str(path))) for path in sorted(folder.iterdir())]
        return [backend.run({"image": prepare(frame).tensor})["logits"] for frame in frames]


@pytest.mark.parametrize("precision", ["float32", "float16", "int8", "mixed"])
def test_every_precision(work: Path, precision: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert build("--precision", "float32", "--format", "onnx") == 0
    wanted = answers(opened(), work / "cal")
    capsys.readouterr()
    assert build(*FORMAT, "--precision", precision, "--calibration", "cal", "--report", "report") == 0
    assert f"tiny 1.0.0 for raspberry-pi-4: {precision} tflite" in capsys.readouterr().out
    bundle = opened()
    (image,) = bundle.pipeline.input
    assert isinstance(image, ImageInput)
    assert (image.layout, image.dtype) == ("nhwc", "float32")
    assert bundle.manifest.model.inputs[0].shape == (1, 16, 16, 3)
    assert bundle.manifest.runtime.name == "tflite"
    found = np.concatenate(answers(bundle, work / "cal"))
    error = np.abs(found - np.concatenate(wanted)).max() / np.abs(wanted).max()
    assert error < {"float32": 1e-4, "float16": 0.01}.get(precision, 0.1)
    report = json.loads((work / "report" / "report.json").read_bytes())
    assert report["model"]["format"] == "tflite"
    if precision == "int8":
        assert report["integer"]["integer_macs"] == report["integer"]["macs"] > 0
        assert report["integer"]["float_nodes"] == []
        assert report["details"]["layers"]
        assert bundle.manifest.model.operators["QUANTIZE"] == 1


@pytest.mark.parametrize("dtype", ["int8", "uint8"])
def test_the_bytes_of_a_camera_go_straight_in(work: Path, dtype: str) -> None:
    assert build(*FORMAT, "--precision", "int8", "--calibration", "cal") == 0
    wanted = answers(opened(), work / "cal")
    (work / "pipeline.toml").write_text(IMAGE_TOML.replace("size =", f'dtype = "{dtype}"\nsize ='))
    assert build(*FORMAT, "--precision", "int8", "--calibration", "cal") == 0
    bundle = opened()
    assert bundle.pipeline.input[0].dtype == dtype
    (image,) = bundle.manifest.model.inputs
    assert image.dtype == dtype
    assert image.quantization is not None
    assert bundle.manifest.model.operators.get("QUANTIZE", 0) == (dtype == "uint8")
    for one, other in zip(answers(bundle, work / "cal"), wanted, strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("dtype", ["int8", "uint8"])
@pytest.mark.parametrize("tail", ["", "Softmax", "Sigmoid", "Exp"])
def test_results_come_out_as_integers(work: Path, dtype: str, tail: str) -> None:
    if tail:
        onnx.save(with_tail(image_classifier(), tail), work / "tiny.onnx")
    decode = "none" if tail else "softmax"
    spec = f'{IMAGE_TOML}[output]\ndecode = "{decode}"\ntop_k = 3\n'
    (work / "pipeline.toml").write_text(spec)
    int8 = (*FORMAT, "--precision", "int8", "--calibration", "cal")
    assert build(*int8) == 0
    wanted = scores(work / "cal")
    (work / "pipeline.toml").write_text(f'{spec}dtype = "{dtype}"\n')
    assert build(*int8) == 0
    bundle = opened()
    assert bundle.pipeline.output.dtype == dtype
    (logits,) = bundle.manifest.model.outputs
    assert logits.dtype == dtype
    assert logits.quantization is not None
    assert bundle.manifest.model.operators.get("DEQUANTIZE", 0) == (tail == "Exp")
    for one, other in zip(scores(work / "cal"), wanted, strict=True):
        assert one == pytest.approx(other, abs=0.02 * max(other.values()))


def with_tail(model: onnx.ModelProto, kind: str) -> onnx.ModelProto:
    """The classifier with one operator more, under the same name."""
    last = next(node for node in model.graph.node if "logits" in node.output)
    last.output[0] = "raw"
    model.graph.node.append(helper.make_node(kind, ["raw"], ["logits"], "tail"))
    return model


def scores(folder: Path) -> list[dict[str, float]]:
    """What the device says of the pictures, through its whole pipeline, by label."""
    bundle = opened()
    with open_pipeline(bundle, device="d", stream="s", processor_only=True) as pipeline:
        assert check_golden(bundle, pipeline.backend).passed
        found = []
        for path in sorted(folder.iterdir()):
            image = np.asarray(cv2.imread(str(path)))
            frame = Frame(image, 0, datetime.now(timezone.utc), time.monotonic())
            outcome = pipeline.process(frame).outcome
            assert isinstance(outcome, Classification)
            found.append({one.label: one.score for one in outcome.classes})
        return found


@pytest.mark.parametrize(
    "arguments",
    [
        ("--format", "onnx", "--precision", "int8", "--calibration", "cal"),
        ("--format", "tflite", "--precision", "float32"),
        ("--calibration", "cal"),
    ],
)
def test_integers_where_none_can_go_in_or_out(
    work: Path, arguments: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    (work / "pipeline.toml").write_text(IMAGE_TOML.replace("size =", 'dtype = "int8"\nsize ='))
    assert build(*arguments) == 2
    error = " ".join(capsys.readouterr().err.split())
    assert 'wants the input `image` in int8 (dtype = "int8"): only an int8 TFLite file' in error
    (work / "pipeline.toml").write_text(f'{IMAGE_TOML}[output]\ndtype = "int8"\n')
    assert build(*arguments) == 2
    error = " ".join(capsys.readouterr().err.split())
    assert 'wants the output `logits` in int8 (dtype = "int8"): only an int8 TFLite file gives' in error
    assert not Path("out.eib").exists()


def test_what_tflite_lacks_becomes_onnx_unless_tflite_was_asked_for(
    work: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    model = image_classifier()
    model.graph.node.append(helper.make_node("NonZero", ["logits"], ["positions"], "where"))
    model.graph.output.append(helper.make_tensor_value_info("positions", onnx.TensorProto.INT64, [2, "n"]))
    onnx.save(model, work / "tiny.onnx")
    (work / "pipeline.toml").write_text(IMAGE_TOML.replace("classification", "raw"))
    assert build("--precision", "float32") == 0
    words = " ".join(capsys.readouterr().out.split())
    assert "raw" not in words
    assert "passed over tflite: TFLite has no equal for part of the model: NonZero `where`" in words
    assert opened().manifest.model.format == "onnx"
    Path("out.eib").unlink()
    assert build("--precision", "float32", *FORMAT) == 1
    error = capsys.readouterr().err
    assert "NonZero `where` (output `positions`)" in error
    assert "--format onnx" in error
    assert not Path("out.eib").exists()


def test_constants_of_float64_are_computed_in_float32_and_the_report_says_so(work: Path) -> None:
    model = with_tail(image_classifier(), "Cast")
    model.graph.node[-1].attribute.append(helper.make_attribute("to", onnx.TensorProto.DOUBLE))
    model.graph.node[-1].output[0] = "double"
    model.graph.node.append(helper.make_node("Mul", ["double", "factor"], ["scaled"], "scale"))
    model.graph.node.append(
        helper.make_node("Cast", ["scaled"], ["logits"], "back", to=onnx.TensorProto.FLOAT)
    )
    model.graph.initializer.append(onnx.numpy_helper.from_array(np.array([0.1]), "factor"))
    onnx.save(model, work / "tiny.onnx")
    assert build("--precision", "float32", *FORMAT, "--report", "report") == 0
    report = json.loads((work / "report" / "report.json").read_bytes())
    (said,) = (one for one in report["decisions"] if one["what"] == "float64")
    assert said["choice"] == "computed in float32"
    assert "tail, scale lose decimals" in said["reason"]
    assert report["comparison"]["sqnr_db"]["logits"] > 100


def test_two_builds_give_the_same_bytes(work: Path) -> None:
    assert build(*FORMAT, "--calibration", "cal") == 0
    first = Path("out.eib").read_bytes()
    assert build(*FORMAT, "--calibration", "cal") == 0
    assert Path("out.eib").read_bytes() == first


def test_open_sizes_are_the_pipelines(work: Path) -> None:
    model = image_classifier(batch="N")
    dims = model.graph.input[0].type.tensor_type.shape.dim
    dims[2].dim_param, dims[3].dim_param = "height", "width"
    onnx.save(model, work / "tiny.onnx")
    assert build(*FORMAT, "--calibration", "cal") == 0
    assert opened().manifest.model.inputs[0].shape == (1, 16, 16, 3)
