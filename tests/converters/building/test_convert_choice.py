"""What a build chooses, by accuracy and by speed."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from edgeinfer.errors import ModelError
from edgeinfer.profile import load_profile
from edgeinfer.strict import replace
from edgeinfer_converters.building import convert
from edgeinfer_converters.calibration.int8 import Calibration, Int8Model
from edgeinfer_converters.emitting import emit, workshop
from edgeinfer_converters.judging.measure import Timing
from tests.fixtures.builds import build, label_by_the_model, opened, refused
from tests.fixtures.costs import product_cost
from tests.fixtures.models import model_of


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


def test_without_labels_auto_takes_no_model_that_is_another(
    work: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(workshop, "to_int8", spoiled)
    assert build("--calibration", "cal") == 0
    assert opened().manifest.model.precision == "float32"
    said = " ".join(capsys.readouterr().out.split())
    assert "passed over int8: output `" in said
    assert "look at real results" not in said


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
