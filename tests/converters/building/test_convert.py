"""The whole chain, from a model file to a bundle that a device accepts."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from edgeinfer.backends import BackendOptions, open_backend
from edgeinfer.bundle.golden import check_golden
from edgeinfer.bundle.keys import TrustStore, generate_keys
from edgeinfer.bundle.reader import open_bundle
from edgeinfer.errors import SignatureError
from edgeinfer.places import user_trust_folder
from edgeinfer.processing.spec import AnomalyOutput, ImageInput
from edgeinfer_converters.report import examine
from tests.fixtures.builds import build, label_by_the_model, opened, refused
from tests.fixtures.data import WINDOW_TOML, write_classes, write_table
from tests.fixtures.models import autoencoder, image_classifier, model_of


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
