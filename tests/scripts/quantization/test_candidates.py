"""One task with a converter and peers that tests make up."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import onnx
import pytest

from scripts.quantization import candidates
from scripts.quantization.candidates import Bench
from scripts.quantization.measured_run import Cost, ToolError
from scripts.quantization.peers import Environment, Peer
from scripts.quantization.results import TaskResult
from scripts.quantization.tasks import Score
from tests.fixtures.models import image_classifier

COST = Cost(seconds=1.5, peak_bytes=7)
GOOD = Environment("good", ("good==1.0",))
ABSENT = Environment("absent", ("absent==1.0",))


@dataclass
class Converter:
    """Its int8 model is the float one."""

    timeout_s: float = 60.0

    def convert(self, model: Path, calibration: Path, out: Path) -> Cost:
        """Copy."""
        assert len(np.load(calibration)["input"]) == 2
        shutil.copyfile(model, out)
        return COST


def _zoo(path: Path) -> Any:
    def score(task: str, model: Path) -> Score:
        return Score(metric="top-1", samples=2, converted=0.5, sqnr_db=30.0, float_metric=0.5)

    inputs = np.zeros((2, 3, 16, 16), np.float32)
    return SimpleNamespace(calibration=lambda task: inputs, float_model=lambda task: path, score=score)


def _measure(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *peers: Peer) -> tuple[TaskResult, list[str]]:
    path = tmp_path / "float.onnx"
    onnx.save(image_classifier(), path)
    made: list[str] = []

    def ready(environment: Environment, root: Path) -> Path:
        made.append(environment.name)
        if environment is ABSENT:
            raise ToolError("not installed: no such version")
        return Path("python")

    def run(command: Sequence[str | Path], log: Path, *, timeout_s: float) -> Cost:
        source, out, what = Path(command[3]), Path(command[5]), command[-1]
        if what == "fails":
            raise ToolError("ValueError: no")
        out.write_bytes(b"no model" if what == "lies" else source.read_bytes())
        return COST

    monkeypatch.setattr(candidates, "ready_environment", ready)
    monkeypatch.setattr(candidates, "run_measured", run)
    bench = Bench(_zoo(path), cast(Any, Converter()), peers, tmp_path, tmp_path, 3, as_on_arm=False)
    return bench.run("resnet8"), made


def test_everything_is_measured_of_what_works(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    result, _ = _measure(tmp_path, monkeypatch, Peer("works", GOOD, "w.py", ("well",)))
    assert [row.candidate for row in result.rows] == ["float", "edgeinfer", "works"]
    assert (result.metric, result.samples) == ("top-1", 2)
    assert result.rows[0].cost is None
    for row in result.rows:
        assert row.reason is None
        assert row.integer_share == 0.0
        assert row.latency is not None
        assert row.size_bytes == (tmp_path / "float.onnx").stat().st_size
    assert result.rows[2].cost == COST
    assert not list(tmp_path.glob("*.npz"))


def test_what_fails_says_why_and_is_not_timed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    peers = (
        Peer("fails", GOOD, "w.py", ("fails",)),
        Peer("absent", ABSENT, "w.py"),
        Peer("absent_too", ABSENT, "w.py"),
        Peer("lies", GOOD, "w.py", ("lies",)),
    )
    result, made = _measure(tmp_path, monkeypatch, *peers)
    reasons = {row.candidate: row.reason for row in result.rows if row.reason}
    assert reasons["fails"] == "ValueError: no"
    assert reasons["absent"] == reasons["absent_too"] == "not installed: no such version"
    assert reasons["lies"].startswith("its model does not run:")
    assert all(row.latency is None for row in result.rows if row.reason)
    assert made == ["good", "absent"]
