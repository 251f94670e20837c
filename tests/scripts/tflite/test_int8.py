"""A task in both formats, with converters and scores that the test makes up."""

from __future__ import annotations

import shutil
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import onnx
import pytest

from edgeinfer_converters.emitting.model_file import write_model
from scripts.quantization.measured_run import Cost, ToolError
from scripts.quantization.ours import Ends
from scripts.quantization.tasks import Score
from scripts.tflite import int8
from scripts.tflite.floats import prepared
from scripts.tflite.int8 import RIVALS, Int8Bench, ends_of
from scripts.tflite.results import Int8Row, OldRun
from tests.fixtures.models import image_classifier
from tests.fixtures.tflite import doubler

COST = Cost(seconds=1.5, peak_bytes=7)
INPUTS = np.zeros((2, 3, 16, 16), np.float32)
SCORED: list[tuple[str, bool]] = []


@dataclass
class Converter:
    """Its int8 model is the float one, in its format."""

    model_format: str
    fails: bool = False
    writes: bytes | None = None
    profile: str = "raspberry-pi-4"
    ends: Ends = field(default_factory=Ends)

    def with_ends(self, ends: Ends) -> Converter:
        return replace(self, ends=ends)

    def convert(self, model: Path, calibration: Path, out: Path) -> Cost:
        assert len(np.load(calibration)["input"]) == 2
        if self.fails:
            raise ToolError("no such operator")
        if self.writes is not None:
            out.write_bytes(self.writes)
        elif self.ends != Ends():
            assert self.ends == Ends("int8", "int8")
            out.write_bytes(doubler(shape=(1, 16, 16, 3), quantization=(0.25, 0)))
        elif self.model_format == "onnx":
            shutil.copyfile(model, out)
        else:
            out.write_bytes(write_model(prepared(model)[1], "tflite").data)
        return COST


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    def score(zoo: Path, task: str, model: Path, *, simulate: bool = False) -> Score:
        SCORED.append((model.name, simulate))
        if not model.is_file():
            raise ToolError("its model does not run: it is not there")
        return Score(metric="top-1", samples=2, converted=0.5, sqnr_db=30.0, float_metric=0.5)

    SCORED.clear()
    monkeypatch.setattr(int8, "score_apart", score)
    monkeypatch.setattr(int8, "integers_saturate", lambda profile, host: True)
    onnx.save(image_classifier(), tmp_path / "float.onnx")
    return tmp_path


def _run(folder: Path, task: str, *converters: Converter) -> Int8Row:
    zoo = SimpleNamespace(
        folder=folder,
        calibration=lambda task: INPUTS,
        float_model=lambda task: folder / "float.onnx",
        program=SimpleNamespace(runner=lambda path, threads: (path, threads)),
    )

    def compare(model: bytes, inputs: np.ndarray, run: object) -> OldRun:
        assert run == (folder / "float.onnx", 1)
        return OldRun(steps=0.0)

    old = SimpleNamespace(compare=compare)
    both = {one.model_format: one for one in converters}
    return Int8Bench(cast(Any, zoo), cast(Any, both), folder, 3, cast(Any, old)).run(task)


def test_both_formats_are_scored_and_the_file_is_timed(folder: Path) -> None:
    row = _run(folder, "small", Converter("onnx"), Converter("tflite"))
    assert (row.onnx.reason, row.tflite.reason) == (None, None)
    assert row.onnx.score == row.tflite.score
    assert row.tflite.cost == COST
    assert row.file is not None
    assert row.file.size_bytes == (folder / "small-int8-tflite.tflite").stat().st_size
    assert row.file.old == OldRun(steps=0.0)
    assert row.reference is not None
    assert row.reference.ratio == 1.0
    assert (row.rival, row.rival_reason) == (None, None)
    assert not list(folder.glob("*.npz"))


def test_only_the_onnx_model_is_simulated(folder: Path) -> None:
    _run(folder, "small", Converter("onnx"), Converter("tflite"))
    assert SCORED == [("small-int8-onnx.onnx", True), ("small-int8-tflite.tflite", False)]


def test_without_an_onnx_model_the_file_is_still_measured(folder: Path) -> None:
    row = _run(folder, "small", Converter("onnx", fails=True), Converter("tflite"))
    assert row.onnx.reason == "no such operator"
    assert row.file is not None


def test_without_a_file_nothing_is_timed(folder: Path) -> None:
    row = _run(folder, "small", Converter("onnx"), Converter("tflite", fails=True))
    assert row.tflite.reason == "no such operator"
    assert (row.file, row.reference) == (None, None)


def test_a_file_that_does_not_run_says_why(folder: Path) -> None:
    row = _run(folder, "small", Converter("onnx"), Converter("tflite", writes=b"no model"))
    assert row.file is None
    assert row.tflite.score is not None
    assert row.tflite.reason


def test_the_rival_is_timed_beside_ours(folder: Path) -> None:
    path = folder / RIVALS["kws_dscnn"]
    path.parent.mkdir(parents=True)
    path.write_bytes(doubler(shape=(1, 16, 16, 3)))
    row = _run(folder, "kws_dscnn", Converter("onnx"), Converter("tflite"))
    assert row.rival is not None
    assert row.rival.name == path.name
    assert row.rival.file.latency is not None
    assert row.rival.file.latency.ratio == 1.0
    assert row.rival.ours.latency.ratio > 0
    assert row.rival.file.old is None
    assert SCORED[-2:] == [(path.name, False), ("kws_dscnn-int8-tflite.tflite", False)]
    assert row.file is not None
    assert row.rival.ours.size_bytes == row.file.size_bytes


def test_beside_a_rival_of_integers_ours_has_integers(folder: Path) -> None:
    path = folder / RIVALS["kws_dscnn"]
    path.parent.mkdir(parents=True)
    path.write_bytes(doubler(shape=(1, 16, 16, 3), quantization=(0.5, 0)))
    assert ends_of(path) == Ends("int8", "int8")
    row = _run(folder, "kws_dscnn", Converter("onnx"), Converter("tflite"))
    alike = folder / "kws_dscnn-int8-tflite-int8-int8.tflite"
    assert ends_of(alike) == Ends("int8", "int8")
    assert SCORED[-1] == (alike.name, False)
    assert row.rival is not None
    assert row.rival.ours.size_bytes == alike.stat().st_size
    assert row.file is not None
    assert row.file.size_bytes == (folder / "kws_dscnn-int8-tflite.tflite").stat().st_size
    assert not list(folder.glob("*.npz"))


def test_a_missing_rival_says_why(folder: Path) -> None:
    row = _run(folder, "resnet8", Converter("onnx"), Converter("tflite"))
    assert row.rival is None
    assert "ic_resnet8_cifar10_int8.tflite: its model does not run" in (row.rival_reason or "")
    assert row.file is not None
