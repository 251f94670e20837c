"""The benchmark of TFLite files: its command line, its choice of models, and one task for real."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from edgeinfer.exits import Exit
from edgeinfer.strict import decode_json
from scripts.benchmarks import tflite
from scripts.benchmarks.tflite import EVERY_TASK, as_text, chosen_models, main, parse, versions
from scripts.tflite.results import TfliteReport
from tests.scripts.tflite.test_results import report


def _call(monkeypatch: pytest.MonkeyPatch, *words: str) -> int:
    monkeypatch.setattr("sys.argv", ["bench", *words])
    return main()


def test_defaults_are_everything() -> None:
    arguments = parse([])
    assert (arguments.task, arguments.quick, arguments.json, arguments.keep) == (None, False, False, None)


def test_tasks_may_be_repeated() -> None:
    assert parse(["--task", "resnet8", "--task", "ad_toycar"]).task == ["resnet8", "ad_toycar"]


def test_all_models_go_with_all_tasks(monkeypatch: pytest.MonkeyPatch) -> None:
    models = tuple(Path(name) for name in ("resnet8.onnx", "resnet8.tflite", "faces.onnx"))
    monkeypatch.setattr(tflite, "float_models", lambda zoo: models)
    zoo = cast(Any, SimpleNamespace(float_model=lambda task: Path(f"{task}.onnx")))
    assert chosen_models(zoo, EVERY_TASK) == models
    assert chosen_models(zoo, ["resnet8", "squeezenet"]) == models[:2]


def test_the_versions_are_those_that_run() -> None:
    assert versions()["tflite-runtime"] == "2.14.0"
    assert set(versions()) == {"edgeinfer", "ai-edge-litert", "onnxruntime", "tflite-runtime"}


def test_the_text_has_all_tables() -> None:
    text = as_text(report())
    for title in ("float32:", "int8 for raspberry-pi-4", "MLPerf Tiny", "tflite-runtime 2.14", "XNNPACK"):
        assert title in text
    assert text.endswith("missed: none")


def test_without_the_zoo_it_says_so(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    monkeypatch.setenv("EDGEINFER_ZOO", str(tmp_path))
    assert _call(monkeypatch, "--quick") == Exit.USAGE
    assert "EDGEINFER_ZOO" in capsys.readouterr().err


@pytest.mark.zoo
def test_one_task(
    zoo: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """With an environment that is not to be had, as on Python 3.12: all else is measured."""
    monkeypatch.setenv("EDGEINFER_ZOO", str(zoo))
    monkeypatch.setattr(tflite, "QUICK_ROUNDS", 3)
    monkeypatch.setattr(tflite, "OldRuntime", lambda root: SimpleNamespace(compare=lambda *_: None))
    assert _call(monkeypatch, "--task", "kws_dscnn", "--quick", "--json") == Exit.DONE
    found = decode_json(capsys.readouterr().out.encode(), TfliteReport, "report")
    assert [row.model for row in found.floats] == ["kws_dscnn_fp32 (onnx)"]
    assert found.floats[0].error is not None
    assert found.floats[0].error < 1e-4
    (task,) = found.tasks
    assert (task.onnx.reason, task.tflite.reason, task.rival_reason) == (None, None, None)
    assert task.tflite.score is not None
    assert task.tflite.score.sqnr_db > 30
    assert task.file is not None
    assert (task.file.integer_share, task.file.kernels.outside) == (1.0, {})
    assert task.rival is not None
    assert task.rival.file.size_bytes > task.file.size_bytes
    assert found.flatbuffer is None
