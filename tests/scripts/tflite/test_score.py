"""Scoring in a process of its own, with a zoo that the test makes up."""

from __future__ import annotations

import subprocess
from pathlib import Path

import onnx
import pytest

from scripts.quantization.measured_run import ToolError
from scripts.tflite.score import score_apart
from tests.fixtures.models import doubler

PROGRAM = """
from collections import namedtuple
import functools, onnxruntime, sys
import numpy as np
Task = namedtuple("Task", "model metric calibration test evaluate")
TASKS = {"small": None}
def score(task, model):
    session = onnxruntime.InferenceSession(str(model))
    simulated = isinstance(onnxruntime.InferenceSession, functools.partial)
    return {"task": task, "metric": "top-1", "samples": 4, "float": 0.5,
            "converted": np.float32(1.0 if simulated else 0.25), "sqnr_db": np.float64(12.5), "size_bytes": 3}
"""


@pytest.fixture
def zoo(tmp_path: Path) -> Path:
    (tmp_path / "zoo.py").write_text(PROGRAM)
    onnx.save(doubler(), tmp_path / "model.onnx")
    return tmp_path


@pytest.mark.parametrize(("simulate", "converted"), [(False, 0.25), (True, 1.0)])
def test_the_zoo_answers(zoo: Path, simulate: bool, converted: float) -> None:
    found = score_apart(zoo, "small", zoo / "model.onnx", simulate=simulate)
    assert (found.metric, found.samples, found.sqnr_db, found.agreement) == ("top-1", 4, 12.5, None)
    assert (found.float_metric, found.converted) == (0.5, converted)


def test_a_model_that_does_not_run_is_told(zoo: Path) -> None:
    (zoo / "model.onnx").write_bytes(b"no model")
    with pytest.raises(ToolError, match="its model does not run: onnxruntime"):
        score_apart(zoo, "small", zoo / "model.onnx")


def test_a_process_that_dies_without_words_is_told(zoo: Path) -> None:
    (zoo / "zoo.py").write_text(PROGRAM.replace("    session =", "    import os; os._exit(3)\n    session ="))
    with pytest.raises(ToolError, match="exit code 3"):
        score_apart(zoo, "small", zoo / "model.onnx")


def test_one_that_hangs_is_given_up(zoo: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def run(*command: object, **_: object) -> None:
        raise subprocess.TimeoutExpired("score", 1.0)

    monkeypatch.setattr(subprocess, "run", run)
    with pytest.raises(ToolError, match="not scored after"):
        score_apart(zoo, "small", zoo / "model.onnx")
