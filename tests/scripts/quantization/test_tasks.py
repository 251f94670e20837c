"""The zoo's program, found, loaded and understood; with a zoo of a few lines in its place."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from edgeinfer.errors import MissingRuntimeError, SettingsError, UsageError
from scripts.quantization.tasks import QUICK_TASKS, TASKS, Score, open_zoo, parse_score, zoo_folder

ANSWER: dict[str, object] = {
    "task": "resnet8",
    "metric": "top-1",
    "samples": 4,
    "float": 0.75,
    "converted": 0.5,
    "sqnr_db": np.float64(12.5),
    "size_bytes": 10,
    "latency_ms_1_thread": 0.1,
    "agreement": 0.75,
}
PROGRAM = """
from pathlib import Path
from types import SimpleNamespace
import numpy as np
INPUTS = np.arange(8, dtype=np.float64).reshape(4, 2)
TASKS = {"resnet8": SimpleNamespace(calibration=lambda: INPUTS, test=lambda: (INPUTS, None))}
def float_model(task): return Path("float.onnx")
def score(task, model):
    return {"metric": "top-1", "samples": 4, "float": 0.75, "converted": 0.5, "sqnr_db": 3.0}
"""


def _zoo(folder: Path, program: str = PROGRAM) -> Path:
    (folder / "zoo.py").write_text(program, encoding="utf-8")
    return folder


def test_the_small_tasks_are_tasks() -> None:
    assert set(QUICK_TASKS) < set(TASKS)
    assert len(TASKS) == 6


def test_a_score_is_read_with_its_drop() -> None:
    score = parse_score(ANSWER)
    assert score == Score(
        metric="top-1", samples=4, converted=0.5, sqnr_db=12.5, float_metric=0.75, agreement=0.75
    )
    assert score.drop == 0.25


def test_detection_has_no_agreement() -> None:
    assert parse_score({name: ANSWER[name] for name in ANSWER if name != "agreement"}).agreement is None


@pytest.mark.parametrize("missing", ["float", "converted", "sqnr_db", "metric"])
def test_another_answer_is_an_error(missing: str) -> None:
    with pytest.raises(SettingsError, match=r"answer of zoo\.py"):
        parse_score({name: ANSWER[name] for name in ANSWER if name != missing})


def test_the_zoo_is_where_the_environment_says(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("EDGEINFER_ZOO", str(tmp_path / "there"))
    assert zoo_folder(tmp_path / "project") == tmp_path / "there"
    monkeypatch.delenv("EDGEINFER_ZOO")
    assert zoo_folder(tmp_path / "project") == tmp_path / "shared" / "zoo"


def test_an_absent_zoo_is_said_clearly(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="is not in") as caught:
        open_zoo(tmp_path / "nowhere")
    assert "EDGEINFER_ZOO" in (caught.value.hint or "")


def test_what_the_zoo_needs_is_said(tmp_path: Path) -> None:
    with pytest.raises(MissingRuntimeError, match="no_such_package"):
        open_zoo(_zoo(tmp_path, "import no_such_package"))


def test_the_program_is_asked(tmp_path: Path) -> None:
    zoo = open_zoo(_zoo(tmp_path))
    assert zoo.float_model("resnet8") == Path("float.onnx")
    assert zoo.calibration("resnet8").dtype == np.float32
    assert zoo.calibration("resnet8").shape == (4, 2)
    assert zoo.score("resnet8", Path("some.onnx")).sqnr_db == 3.0


def test_sqnr_is_power_over_error(tmp_path: Path) -> None:
    zoo = open_zoo(_zoo(tmp_path))
    found = zoo.sqnr_db("resnet8", lambda one: one, lambda one: one * 1.1)
    assert found == pytest.approx(20.0, abs=1e-6)
    assert zoo.sqnr_db("resnet8", lambda one: one, lambda one: one) > 100
