"""Real models through the whole chain."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from edgeinfer.backends import BackendOptions, open_backend
from edgeinfer.bundle.golden import check_golden
from edgeinfer.bundle.keys import default_trust
from edgeinfer.bundle.reader import open_bundle
from edgeinfer_converters import cli

pytestmark = pytest.mark.zoo

VWW = """
[model]
name = "person"
version = "1.0.0"
task = "classification"
labels = "labels.txt"
[[input]]
kind = "image"
size = [96, 96]
std = [255.0]
[output]
decode = "none"
"""

SSD = """
[model]
name = "ssd"
version = "1.0.0"
task = "detection"
labels = "labels.txt"
[[input]]
kind = "image"
size = [300, 300]
mean = [127.5]
std = [127.5]
[output]
decode = "ssd"
"""


def build(folder: Path, model: Path, *arguments: str) -> int:
    return cli.main(
        [
            *(
                "build",
                str(model),
                "--pipeline",
                str(folder / "pipeline.toml"),
                "-o",
                str(folder / "out.eib"),
            ),
            *("--profile", "raspberry-pi-4", "--json"),
            *arguments,
        ]
    )


@pytest.mark.parametrize("extension", ["onnx", "tflite"])
def test_visual_wake_words_in_int8(
    zoo: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], extension: str
) -> None:
    """From either export of the same network."""
    (tmp_path / "pipeline.toml").write_text(VWW)
    (tmp_path / "labels.txt").write_text("no_person\nperson\n")
    for name in ("calibration", "test"):
        with np.load(zoo / "datasets" / f"vww_{name}.npz") as data:
            arrays = {"input": data["images"].astype(np.float32) / 255}
            np.savez(tmp_path / f"{name}.npz", **arrays, labels=data["labels"])
    code = build(
        tmp_path,
        zoo / "models" / "mlperf_tiny" / f"vww_mobilenetv1_025_96_fp32.{extension}",
        *("--calibration", str(tmp_path / "calibration.npz"), "--evaluate", str(tmp_path / "test.npz")),
        *("--format", "onnx"),
    )
    assert code == 0
    report = json.loads(capsys.readouterr().out)
    assert report["model"]["precision"] == "int8"
    assert report["model"]["size_bytes"] < report["model"]["source_size_bytes"] / 2.5
    assert report["comparison"]["agreement"] > 0.95
    assert report["comparison"]["accuracy"]["reference"] == pytest.approx(0.8309, abs=1e-4)


def test_a_detector_for_tflite_as_it_is(
    zoo: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "pipeline.toml").write_text(SSD)
    (tmp_path / "labels.txt").write_bytes((zoo / "labels" / "coco_91_labels.txt").read_bytes())
    model = zoo / "models" / "detect" / "coco_ssd_mobilenet_v1_quant.tflite"
    assert build(tmp_path, model, "--evaluate", str(zoo / "datasets" / "coco_val")) == 0
    accuracy = json.loads(capsys.readouterr().out)["comparison"]["accuracy"]
    # Within the run of the origin's own measurement on 128 images, of which these are a part.
    assert accuracy["metric"] == "mAP50-95"
    assert accuracy["converted"] == pytest.approx(0.22, abs=0.03)
    bundle = open_bundle(tmp_path / "out.eib", default_trust())
    assert bundle.manifest.model.precision == "as-is"
    assert bundle.model() == model.read_bytes()
    with open_backend(bundle.model(), "tflite", BackendOptions()) as backend:
        assert check_golden(bundle, backend).passed
