"""The whole chain, from a model file to a bundle that a device accepts."""

from __future__ import annotations

import errno
import hashlib
import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from edgeinfer.backends import RUNTIMES, BackendOptions, ModelFormat, open_backend
from edgeinfer.bundle.golden import check_golden
from edgeinfer.bundle.keys import TrustStore, default_trust, generate_keys
from edgeinfer.bundle.reader import Bundle, open_bundle
from edgeinfer.errors import ModelError, SignatureError
from edgeinfer.places import user_trust_folder
from edgeinfer.processing.preprocess import build_preprocessor
from edgeinfer.processing.spec import AnomalyOutput, ImageInput
from edgeinfer.profile import load_profile
from edgeinfer.strict import replace
from edgeinfer_converters import cli
from edgeinfer_converters.building import convert
from edgeinfer_converters.calibration.int8 import Calibration, Int8Model
from edgeinfer_converters.emitting import emit, workshop
from edgeinfer_converters.judging.measure import Timing
from edgeinfer_converters.report import examine
from tests.fixtures.costs import product_cost
from tests.fixtures.data import IMAGE_TOML, WINDOW_TOML, write_classes, write_images, write_table
from tests.fixtures.graphs import SATURATES
from tests.fixtures.models import autoencoder, image_classifier, model_of
from tests.fixtures.tflite_graphs import network

LABELS = "cat\ndog\nowl\n"


@pytest.fixture
def work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a tiny classifier, its pipeline, and calibration images."""
    folder = tmp_path / "work"
    folder.mkdir()
    onnx.save(image_classifier(batch="N"), folder / "tiny.onnx")
    (folder / "pipeline.toml").write_text(IMAGE_TOML)
    (folder / "labels.txt").write_text(LABELS)
    write_images(folder / "cal", 12)
    monkeypatch.chdir(folder)
    return folder


def build(*arguments: str, model: str = "tiny.onnx", profile: str = "raspberry-pi-4") -> int:
    """As ONNX unless a format is asked for, or the model came in another."""
    chosen = () if "--format" in arguments or not model.endswith(".onnx") else ("--format", "onnx")
    options = ["--profile", profile, "--pipeline", "pipeline.toml", "-o", "out.eib", *chosen, *arguments]
    return cli.main(["build", model, *options])


def opened(path: Path = Path("out.eib")) -> Bundle:
    return open_bundle(path, default_trust())


def label_by_the_model(folder: Path) -> None:
    """Sort calibration images into the classes that the float model sees: labelled data, for free."""
    assert build("--precision", "float32") == 0
    bundle = opened()
    with open_backend(bundle.model(), "onnx", BackendOptions()) as backend:
        prepare = build_preprocessor(bundle.pipeline.input[0], backend.inputs[0])
        for path in sorted((folder / "cal").iterdir()):
            frame = cv2.imread(str(path))
            assert frame is not None
            best = backend.run({"image": prepare(frame).tensor})["logits"].argmax()
            target = folder / "eval" / LABELS.split()[best]
            target.mkdir(parents=True, exist_ok=True)
            shutil.copy(path, target / path.name)
    (folder / "out.eib").unlink()


def test_int8_from_end_to_end(work: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert build("--calibration", "cal", "--report", "report") == 0
    captured = capsys.readouterr()
    bundle = opened()
    manifest = bundle.manifest
    assert (manifest.name, manifest.version, manifest.profile) == ("tiny", "1.0.0", "raspberry-pi-4")
    assert manifest.model.precision == "int8"
    assert manifest.model.operators["QuantizeLinear"] > 0
    assert manifest.runtime.name == "onnxruntime"
    assert bundle.labels == ("cat", "dog", "owl")
    (image,) = bundle.pipeline.input
    assert isinstance(image, ImageInput)
    assert (image.name, image.layout, image.dtype) == ("image", "nchw", "float32")
    with open_backend(bundle.model(), "onnx", BackendOptions()) as backend:
        assert check_golden(bundle, backend).passed
    assert "tiny 1.0.0 for raspberry-pi-4: int8 onnx" in captured.out
    # The key's path stands on a line of its own, however long it is.
    assert all(len(line) <= 80 or " " not in line.strip() for line in captured.out.splitlines())
    assert "calibrating (10 samples)" in captured.err
    report = json.loads((work / "report" / "report.json").read_bytes())
    assert report["bundle"]["sha256"] == bundle.sha256
    assert report["comparison"]["samples"] == 2
    assert report["integer"]["integer_macs"] == report["integer"]["macs"] > 0
    assert "100.0% of" in captured.out
    assert report["development_key"] == str(user_trust_folder() / "development.pub.pem")
    assert Path(report["development_key"]).is_file()


def test_the_report_is_a_page_by_itself_and_always_the_same(work: Path) -> None:
    label_by_the_model(work)
    arguments = ("--calibration", "cal", "--evaluate", "eval", "--precision", "int8", "--max-drop", "1")
    pages = []
    for folder in ("one", "two"):
        assert build(*arguments, "--report", folder) == 0
        pages.append((work / folder / "report.html").read_text("utf-8"))
    assert pages[0] == pages[1]
    for part in ("tiny 1.0.0 for raspberry-pi-4", "Layer by layer", "conv2", "data:image/png", "tiny.onnx"):
        assert part in pages[0], part
    details = json.loads((work / "one" / "report.json").read_bytes())["details"]
    assert details["quality"]["samples"] == details["compared"] == 12
    assert details["provenance"]["options"]["max_drop"] == 1.0
    assert {one["name"] for one in details["layers"]} >= {"conv1", "conv2", "linear"}
    assert details["memory"]["converted_bytes"] < details["memory"]["reference_bytes"]


def test_without_a_report_nothing_is_examined(
    work: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(examine, "examine", None)
    assert build("--calibration", "cal", "--json") == 0
    assert json.loads(capsys.readouterr().out)["details"] is None


def test_provenance_tells_what_but_not_when_or_where(work: Path) -> None:
    assert build("--calibration", "cal") == 0
    bundle = opened()
    text = bundle.read("provenance.json")
    found = json.loads(text)
    assert found["source"][0]["name"] == "tiny.onnx"
    assert found["calibration"]["kind"] == "images"
    assert found["decisions"][-1]["choice"] == "int8"
    assert str(work).encode() not in text
    assert os.uname().nodename.encode() not in text
    assert b"_ms" not in text


@pytest.mark.parametrize("precision", ["float32", "float16"])
def test_other_precisions_need_no_data(work: Path, precision: str) -> None:
    assert build("--precision", precision, profile="jetson-orin-nano") == 0
    bundle = opened()
    assert bundle.manifest.model.precision == precision
    assert bundle.manifest.model.inputs[0].dtype == "float32"
    assert bundle.golden is not None
    assert bundle.golden.min_sqnr_db == 40.0


def test_auto_without_data_is_what_the_profile_prefers(work: Path) -> None:
    assert build() == 0
    assert opened().manifest.model.precision == "float32"
    assert build(profile="jetson-orin-nano") == 0
    assert opened().manifest.model.precision == "float16"


def test_json_is_one_document(work: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert build("--calibration", "cal", "--json") == 0
    captured = capsys.readouterr()
    found = json.loads(captured.out)
    assert found["model"]["precision"] == "int8"
    assert found["comparison"]["agreement"] is not None
    assert "verifying int8" in captured.err


def test_accuracy_is_measured_on_labelled_data(work: Path, capsys: pytest.CaptureFixture[str]) -> None:
    label_by_the_model(work)
    capsys.readouterr()
    code = build("--calibration", "cal", "--evaluate", "eval", "--max-drop", "1", "--json")
    assert code == 0
    accuracy = json.loads(capsys.readouterr().out)["comparison"]["accuracy"]
    assert accuracy["metric"] == "top-1"
    assert accuracy["reference"] == 1.0
    assert accuracy["samples"] == 12


def spoiled(calibration: Calibration, *_: Any) -> Int8Model:
    """Quantization gone wrong: the best class becomes the worst."""
    result = onnx.ModelProto()
    result.CopyFrom(calibration.graph)
    node = result.graph.node[-1]
    logits = node.output[0]
    node.output[0] = "before"
    result.graph.node.append(helper.make_node("Neg", ["before"], [logits], "spoil"))
    return Int8Model(result, calibration.graph)


def test_a_missed_budget_is_refused_and_nothing_is_written(
    work: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    label_by_the_model(work)
    monkeypatch.setattr(workshop, "to_int8", spoiled)
    before = sorted(work.iterdir())
    arguments = ("--calibration", "cal", "--evaluate", "eval", "--report", "report")
    assert build(*arguments, "--precision", "int8") == 1
    assert sorted(work.iterdir()) == before
    error = capsys.readouterr().err
    assert "more than --max-drop 0.01 allows" in error
    assert "--precision auto" in error


def test_auto_falls_back_to_what_keeps_the_budget(
    work: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    label_by_the_model(work)
    monkeypatch.setattr(workshop, "to_int8", spoiled)
    capsys.readouterr()
    assert build("--calibration", "cal", "--evaluate", "eval") == 0
    assert opened().manifest.model.precision == "float32"
    assert "passed over  int8: loses" in capsys.readouterr().out


def test_without_labels_the_budget_only_warns(
    work: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(workshop, "to_int8", spoiled)
    assert build("--calibration", "cal", "--precision", "int8") == 0
    assert "look at real results before you trust" in " ".join(capsys.readouterr().out.split())


def test_calibration_data_that_are_not_like_the_evaluation_data(
    work: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Calibrated on pictures that are nearly gray."""
    label_by_the_model(work)
    make_gray(work)
    assert build("--calibration", "cal", "--evaluate", "eval", "--max-drop", "1", "--precision", "int8") == 0
    words = " ".join(capsys.readouterr().out.split())
    assert "the evaluation data leave the ranges that calibration has seen" in words
    assert "of `image`" in words


def test_what_fails_while_looking_for_warnings_leaves_nothing_behind(
    work: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail(*_: object) -> None:
        raise ModelError("cannot be run")

    label_by_the_model(work)
    monkeypatch.setattr(convert, "saturated_tensors", fail)
    capsys.readouterr()
    arguments = ("--calibration", "cal", "--evaluate", "eval", "--max-drop", "1", "--precision", "int8")
    refused(work, "cannot be run", capsys, *arguments)


def make_gray(work: Path) -> None:
    """Nearly: the calibration images keep a fortieth of their contrast."""
    for path in sorted((work / "cal").iterdir()):
        frame = cv2.imread(str(path))
        assert frame is not None
        cv2.imwrite(str(path), (128 + (frame.astype(float) - 128) / 40).astype(np.uint8))


def test_calibration_data_of_another_kind_never_make_a_bundle_that_misses_its_budget(
    work: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    label_by_the_model(work)
    make_gray(work)
    capsys.readouterr()
    arguments = ("--calibration", "cal", "--evaluate", "eval")
    refused(work, "more than --max-drop 0.01 allows", capsys, *arguments, "--precision", "int8")
    assert build(*arguments) == 0
    assert opened().manifest.model.precision == "float32"


@pytest.mark.parametrize(("slower", "precision"), [(False, "int8"), (True, "float32")])
def test_auto_never_chooses_what_is_slower(
    work: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    *,
    slower: bool,
    precision: str,
) -> None:
    timing = Timing(reference_ms=12.34, converted_ms=23.45, slower=slower, rounds=5, threads=1)
    monkeypatch.setattr(emit, "measure", lambda *_, **__: timing)
    assert build("--calibration", "cal", profile="host") == 0
    bundle = opened()
    assert bundle.manifest.model.precision == precision
    assert ("int8 had 12.3 ms -> 23.4 ms" in " ".join(capsys.readouterr().out.split())) == slower
    assert b"23.45" not in bundle.read("provenance.json")


def test_speed_is_measured_only_where_it_means_something(
    work: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert build("--calibration", "cal", "--precision", "int8", "--json", profile="host") == 0
    assert json.loads(capsys.readouterr().out)["timing"]["converted_ms"] > 0
    other = "raspberry-pi-4" if os.uname().machine == "x86_64" else "generic-x86-64"
    assert build("--calibration", "cal", "--precision", "int8", "--json", profile=other) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["timing"] is None
    assert found["forecast"] is None
    assert found["timing_note"] == (
        f"neither measured, as this machine is no {other}, nor estimated: "
        "too few times of onnxruntime there are published"
    )


@pytest.mark.parametrize(("gigamacs_per_s", "precision"), [(0.001, "float32"), (0.004, "int8")])
def test_where_nothing_can_be_measured_the_profiles_costs_decide(
    work: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    gigamacs_per_s: float,
    precision: str,
) -> None:
    other = "raspberry-pi-4" if os.uname().machine == "x86_64" else "generic-x86-64"
    profile = load_profile(other)
    threads = profile.limits.threads
    costs = (
        product_cost("onnxruntime", "float32", 0.002, threads),
        product_cost("onnxruntime", "int8", gigamacs_per_s, threads),
    )
    monkeypatch.setattr(convert, "load_profile", lambda _: replace(profile, cost=costs))
    assert build("--calibration", "cal", "--report", "report", profile=other) == 0
    text = " ".join(capsys.readouterr().out.split())
    assert f"on {other} (estimated, from published figures; onnxruntime, " in text
    assert "measured here" not in text
    bundle = opened()
    assert bundle.manifest.model.precision == precision
    assert bundle.profile.cost == costs
    found = json.loads((work / "report" / "report.json").read_bytes())
    assert found["timing"] is None
    assert found["timing_note"] == ""
    rejected = {one["precision"]: one["forecast"]["slower"] for one in found["rejected"]}
    assert rejected == ({"int8": True} if precision == "float32" else {})
    assert ("int8: slower than float there, as estimated from published times" in text) == bool(rejected)
    assert b"reference_ms" not in bundle.read("provenance.json")


def test_an_emitted_model_that_gives_nan_is_refused(
    work: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def nan(calibration: Calibration, *_: Any) -> Int8Model:
        logits = calibration.graph.graph.output[0].name
        broken = model_of(
            [
                helper.make_node("GlobalAveragePool", ["image"], ["p"]),
                helper.make_node("Flatten", ["p"], ["f"]),
                helper.make_node("Mul", ["f", "n"], [logits]),
            ],
            [helper.make_tensor_value_info("image", TensorProto.FLOAT, [1, 3, 16, 16])],
            [helper.make_tensor_value_info(logits, TensorProto.FLOAT, [1, 3])],
            {"n": np.full((1, 3), np.nan, np.float32)},
        )
        return Int8Model(broken, calibration.graph)

    monkeypatch.setattr(workshop, "to_int8", nan)
    assert build("--calibration", "cal") == 1
    assert "holds NaN or infinity" in capsys.readouterr().err
    assert not (work / "out.eib").exists()


@pytest.mark.parametrize("threshold", ["", "\n[output]\nthreshold = 0.25\n"])
def test_an_anomaly_threshold_is_learnt_or_kept(
    work: Path, threshold: str, capsys: pytest.CaptureFixture[str]
) -> None:
    onnx.save(autoencoder(), work / "tiny.onnx")
    (work / "pipeline.toml").write_text(WINDOW_TOML + threshold)
    write_table(work / "cal.csv", 200)
    write_table(work / "eval.csv", 120, faults=frozenset(range(40, 60)))
    assert build("--calibration", "cal.csv", "--evaluate", "eval.csv", "--max-drop", "1", "--json") == 0
    output = opened().pipeline.output
    assert isinstance(output, AnomalyOutput)
    assert output.threshold != "auto"
    assert (output.threshold == 0.25) == bool(threshold)
    found = json.loads(capsys.readouterr().out)
    assert found["comparison"]["accuracy"]["metric"] == "AUC"
    assert found["comparison"]["accuracy"]["converted"] > 0.9  # far-off rows are rebuilt worse


def test_a_threshold_cannot_be_learnt_from_nothing(work: Path, capsys: pytest.CaptureFixture[str]) -> None:
    onnx.save(autoencoder(), work / "tiny.onnx")
    (work / "pipeline.toml").write_text(WINDOW_TOML)
    assert build() == 2
    assert "learnt from --calibration data" in capsys.readouterr().err


def test_a_quantized_model_is_packed_as_it_is(work: Path) -> None:
    assert build("--calibration", "cal", "--precision", "int8") == 0
    (work / "again.onnx").write_bytes(opened().model())
    assert build("--calibration", "cal", model="again.onnx") == 0
    again = opened()
    assert again.manifest.model.precision == "as-is"
    assert again.model() == (work / "again.onnx").read_bytes()


def test_external_data_end_up_inside(work: Path) -> None:
    onnx.save_model(
        image_classifier(),
        work / "split.onnx",
        save_as_external_data=True,
        location="split.data",
        size_threshold=0,
    )
    assert build("--calibration", "cal", model="split.onnx") == 0
    source = json.loads(opened().read("provenance.json"))["source"]
    assert [fact["name"] for fact in source] == ["split.onnx", "split.data"]


def test_several_inputs(work: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pair = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [1, 4]) for name in ("a", "b")]
    total = helper.make_tensor_value_info("sum", TensorProto.FLOAT, [1, 4])
    onnx.save(model_of([helper.make_node("Add", ["a", "b"], ["sum"])], pair, [total]), work / "tiny.onnx")
    text = '[model]\nname = "sum"\nversion = "1.0.0"\ntask = "raw"\n' + '[[input]]\nkind = "tensor"\n' * 2
    (work / "pipeline.toml").write_text(text)
    np.savez(work / "data.npz", a=np.ones((20, 4), np.float32), b=np.full((20, 4), 2, np.float32))
    assert build("--precision", "float32", "--calibration", "data.npz") == 0
    bundle = opened()
    assert [one.name for one in bundle.pipeline.input] == ["a", "b"]
    assert (bundle.golden_outputs()["sum"] == 3).all()
    capsys.readouterr()
    refused(work, "holds images, and the pipeline takes 2 inputs", capsys, "--calibration", "cal")


def test_the_own_key_signs(work: Path, capsys: pytest.CaptureFixture[str]) -> None:
    keys = generate_keys(work / "keys")
    assert build("--key", "keys/signing.pem") == 0
    assert "development key" not in capsys.readouterr().out
    with pytest.raises(SignatureError):
        opened()
    trusted = open_bundle(work / "out.eib", TrustStore.load([keys.public]))
    assert trusted.manifest.name == "tiny"


MODEL = '[model]\nname = "tiny"'
PIPELINE_FAULTS = {
    "misspelt key": (IMAGE_TOML.replace("mean", "maen"), "did you mean `mean`"),
    "wrong type": (IMAGE_TOML.replace("[16, 16]", '"16"'), "Expected `array`, got `str`"),
    "missing labels": (IMAGE_TOML.replace("labels.txt", "other.txt"), "other.txt: labels file"),
    "wrong size": (IMAGE_TOML.replace("[16, 16]", "[17, 16]"), "cannot hold 17 x 16 pixels"),
    "wrong channels": (IMAGE_TOML.replace("size", 'color = "gray"\nsize'), "with 1 channels"),
    "wrong kind": (WINDOW_TOML, "cannot hold a window"),
    "not TOML": ("[[[", "not valid TOML"),
}


@pytest.mark.parametrize("fault", PIPELINE_FAULTS)
def test_bad_pipelines(work: Path, fault: str, capsys: pytest.CaptureFixture[str]) -> None:
    text, message = PIPELINE_FAULTS[fault]
    (work / "pipeline.toml").write_text(text)
    refused(work, message, capsys)


@pytest.mark.parametrize("labels", ["cat\ndog\n", "cat\ndog\nowl\nbat\n"])
def test_a_label_count_that_does_not_match(
    work: Path, labels: str, capsys: pytest.CaptureFixture[str]
) -> None:
    (work / "labels.txt").write_text(labels)
    refused(work, f"{labels.count(chr(10))} labels for a model of 3 classes", capsys)


def refused(
    work: Path, message: str, capsys: pytest.CaptureFixture[str], *arguments: str, code: int = 1, **more: str
) -> None:
    """The build fails with this message and a hint or not, and leaves the folder as it was."""
    before = {path: path.stat().st_mtime_ns for path in work.iterdir()}
    assert build(*arguments, **more) == code
    captured = capsys.readouterr()
    assert message in captured.err
    assert "Traceback" not in captured.err
    assert captured.out == ""
    assert {path: path.stat().st_mtime_ns for path in work.iterdir()} == before


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


def nan_images() -> np.ndarray:
    array = np.zeros((12, 3, 16, 16), np.float32)
    array[3] = np.nan
    return array


CALIBRATION_FAULTS: dict[str, tuple[np.ndarray, str]] = {
    "shape": (np.zeros((4, 3, 8, 8), np.float32), "has the shape (4, 3, 8, 8)"),
    "dtype": (np.zeros((4, 3, 16, 16), np.float64), "is float64"),
    "nan": (nan_images(), "holds NaN or infinity"),
    "empty": (np.zeros((0, 3, 16, 16), np.float32), "no samples"),
}


@pytest.mark.parametrize("fault", CALIBRATION_FAULTS)
def test_bad_calibration(work: Path, fault: str, capsys: pytest.CaptureFixture[str]) -> None:
    array, message = CALIBRATION_FAULTS[fault]
    np.savez(work / "cal.npz", image=array)
    refused(work, message, capsys, "--calibration", "cal.npz")


def test_unreadable_images(work: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for name in ("03.png", "04.png", "05.png"):
        (work / "cal" / name).write_bytes(b"broken")
    refused(work, "more than a tenth of the images cannot be decoded", capsys, "--calibration", "cal")


@pytest.mark.parametrize(
    ("arguments", "message", "code"),
    [
        (("--calibration", "gone"), "gone: no such file or folder", 1),
        (("--evaluate", "labels.txt"), "not a kind of data", 1),
        (("--key", "gone.pem"), "gone.pem: there is no such key file", 1),
        (("--report", "labels.txt"), "labels.txt: is a file", 2),
        (("--precision", "int8"), "needs --calibration", 2),
        (("--precision", "mixed"), "--precision mixed needs --calibration", 2),
        (("--prune", "0.5"), "--prune 0.5 needs --calibration", 2),
        (("-o", "."), "is a folder", 1),
        (("-o", "gone/out.eib"), "gone: no such folder", 1),
    ],
)
def test_what_cannot_be_done(
    work: Path, arguments: tuple[str, ...], message: str, code: int, capsys: pytest.CaptureFixture[str]
) -> None:
    refused(work, message, capsys, *arguments, code=code)


@pytest.mark.parametrize("name", ["cal", "gone.onnx", "empty.onnx", "random.onnx", "random.tflite"])
def test_what_is_no_model(work: Path, name: str, capsys: pytest.CaptureFixture[str]) -> None:
    (work / "empty.onnx").write_bytes(b"")
    for random in ("random.onnx", "random.tflite"):
        (work / random).write_bytes(np.random.default_rng(0).bytes(4096))
    refused(work, name, capsys, model=name)


def test_an_unknown_profile(work: Path, capsys: pytest.CaptureFixture[str]) -> None:
    refused(work, "no device profile `pi`", capsys, profile="pi")


def test_a_full_disk(work: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    assert build() == 0
    old = (work / "out.eib").read_bytes()
    capsys.readouterr()

    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    assert build("--seed", "1") == 1
    assert "No space left on device" in capsys.readouterr().err
    assert (work / "out.eib").read_bytes() == old
    assert [path.name for path in work.iterdir() if path.name.startswith(".")] == []


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_an_unwritable_folder(work: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (work / "locked").mkdir(mode=0o500)
    refused(work, "locked: cannot be written", capsys, "-o", "locked/out.eib")


PROGRAM = "import sys; from edgeinfer_converters.cli import main; sys.exit(main(sys.argv[1:]))"
ARGUMENTS = ("--profile", "raspberry-pi-4", "--pipeline", "pipeline.toml", "--calibration", "cal")


@pytest.mark.parametrize("precision", ["int8", "mixed"])
@pytest.mark.parametrize("calibration", ["cal", "cal.npz"])
def test_two_builds_give_the_same_bytes(work: Path, tmp_path: Path, calibration: str, precision: str) -> None:
    """In another process, with another hash seed, number of threads, folder, and order of the directory."""
    images = np.random.default_rng(0).normal(size=(12, 3, 16, 16)).astype(np.float32)
    np.savez(work / "cal.npz", image=images)
    copy = tmp_path / "elsewhere" / "deeper"
    shutil.copytree(work, copy, ignore=shutil.ignore_patterns("cal"))
    (copy / "cal").mkdir()
    for picture in sorted((work / "cal").iterdir(), reverse=True):
        shutil.copy(picture, copy / "cal")
    arguments = [*ARGUMENTS[:-1], calibration, "--precision", precision, "-o", "out.eib"]
    for folder, number in ((work, "1"), (copy, "2")):
        threads = {f"{name}_NUM_THREADS": number for name in ("OMP", "OPENBLAS", "MKL")}
        environment = os.environ | threads | {"PYTHONHASHSEED": number}
        command = [sys.executable, "-c", PROGRAM, "build", "tiny.onnx", *arguments]
        subprocess.run(command, cwd=folder, env=environment, check=True, capture_output=True)
    assert opened(work / "out.eib").manifest.model.precision == precision
    assert (work / "out.eib").read_bytes() == (copy / "out.eib").read_bytes()


def test_interrupted_while_calibrating(work: Path) -> None:
    # Decoding one large picture again and again keeps the program busy for many seconds.
    assert cv2.imwrite(str(work / "cal" / "large.png"), np.zeros((3000, 4000, 3), np.uint8))
    for k in range(400):
        (work / "cal" / f"z{k}.png").hardlink_to(work / "cal" / "large.png")
    before = sorted(path.name for path in work.iterdir())
    command = [sys.executable, "-c", PROGRAM, "build", "tiny.onnx", *ARGUMENTS, "-o", "out.eib"]
    with subprocess.Popen(command, cwd=work, stderr=subprocess.PIPE, text=True) as program:
        assert program.stderr is not None
        for line in program.stderr:
            if line.startswith("calibrating"):
                break
        program.send_signal(signal.SIGINT)
        rest = program.stderr.read()
    assert program.returncode == 130
    assert rest.strip() == "edgeinfer-convert: interrupted"
    assert sorted(path.name for path in work.iterdir()) == before


def test_progress_and_results_do_not_mix(work: Path) -> None:
    command = [sys.executable, "-c", PROGRAM, "build", "tiny.onnx", *ARGUMENTS, "-o", "out.eib", "--json"]
    done = subprocess.run(command, cwd=work, check=True, capture_output=True, text=True)
    assert json.loads(done.stdout)["schema"] == 1
    assert "calibrating" in done.stderr


def test_several_classes_as_subfolders_calibrate_too(work: Path) -> None:
    write_classes(work / "classes", 4)
    assert build("--calibration", "classes") == 0
    assert opened().manifest.model.precision == "int8"
