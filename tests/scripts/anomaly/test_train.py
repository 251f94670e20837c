"""From a recording to the files that the converter takes."""

from __future__ import annotations

import csv
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnxruntime
import pytest

from edgeinfer.errors import DataError
from edgeinfer.processing.spec import AnomalyOutput, WindowInput, parse_pipeline_toml
from scripts.anomaly.judge import judge
from scripts.anomaly.series import LABEL, Series, read_csv, windows_of
from scripts.anomaly.train import Recipe, make_model

ROOT = Path(__file__).resolve().parents[3]
RECIPE = Recipe(
    name="pump",
    length=16,
    stride=4,
    center=False,
    train_share=0.6,
    calibration_share=0.2,
    hidden=24,
    code=4,
    epochs=40,
    seed=0,
)


def _recording(rows: int = 1500) -> Series:
    """A pump that hums, and near the end does something else twice."""
    rng = np.random.default_rng(8)
    hum = 20 + 3 * np.sin(2 * np.pi * np.arange(rows) / 16) + rng.normal(0, 0.1, rows)
    anomalous = np.zeros(rows, bool)
    for start in (1200, 1400):
        anomalous[start : start + 24] = True
        hum[start : start + 24] = 20 + rng.normal(0, 3, 24)
    return Series(("hum",), hum[:, None].astype(np.float32), anomalous)


def _scores(folder: Path, series: Series, recipe: Recipe) -> np.ndarray:
    """Reconstruction errors as the device computes them, with the pipeline's mean and std."""
    window = parse_pipeline_toml((folder / "pipeline.toml").read_bytes(), "pipeline.toml").input[0]
    assert isinstance(window, WindowInput)
    windows = (windows_of(series, recipe.length, recipe.stride) - window.mean) / window.std
    session = onnxruntime.InferenceSession(folder / "model.onnx", providers=["CPUExecutionProvider"])
    rebuilt = [session.run(None, {"window": one[None].astype(np.float32)})[0][0] for one in windows]
    return np.mean((np.stack(rebuilt) - windows) ** 2, axis=(1, 2))


@pytest.mark.parametrize("center", [False, True])
def test_the_model_tells_the_odd_from_the_usual(tmp_path: Path, center: bool) -> None:
    recipe, series = replace(RECIPE, center=center), _recording()
    make_model(series, recipe, tmp_path)
    scores = _scores(tmp_path, series, recipe)
    threshold = 1.5 * scores[:200].max()
    judgement = judge(scores > threshold, series.anomalous, recipe.length, recipe.stride)
    assert (judgement.found, judgement.stretches, judgement.alarms) == (2, 2, 0)


def test_the_pipeline_file_is_one_and_says_what_was_trained(tmp_path: Path) -> None:
    series = _recording()
    make_model(series, RECIPE, tmp_path)
    spec = parse_pipeline_toml((tmp_path / "pipeline.toml").read_bytes(), "pipeline.toml")
    assert (spec.model.name, spec.model.task, spec.output) == ("pump", "anomaly", AnomalyOutput())
    window = spec.input[0]
    assert isinstance(window, WindowInput)
    assert (window.columns, window.length, window.stride, window.label) == (("hum",), 16, 4, LABEL)
    assert window.mean[0] == pytest.approx(20, abs=0.1)
    assert window.std[0] == pytest.approx(3 / np.sqrt(2), abs=0.1)


def test_calibration_is_normal_and_evaluation_is_new(tmp_path: Path) -> None:
    series = _recording()
    make_model(series, RECIPE, tmp_path)
    calibration, evaluate = (_read_rows(tmp_path / name) for name in ("calibration.csv", "evaluate.csv"))
    assert len(calibration) == int(0.8 * 1200)
    assert len(calibration) + len(evaluate) == len(series)
    assert {row[LABEL] for row in calibration} == {"0"}
    assert sum(row[LABEL] == "1" for row in evaluate) == 48
    assert float(evaluate[0]["hum"]) == pytest.approx(float(series.values[len(calibration), 0]))


def _read_rows(path: Path) -> list[dict[str, str]]:
    with path.open(newline="", encoding="utf-8") as stream:
        return list(csv.DictReader(stream))


def test_a_recording_that_is_too_short_is_refused_before_anything_is_written(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="12 rows before the first anomaly are too few for windows of 16"):
        make_model(_recording().part(1188, 1300), RECIPE, tmp_path / "out")
    assert not (tmp_path / "out").exists()


@pytest.mark.zoo
def test_the_machine_temperatures_of_nab_are_learnt(tmp_path: Path, zoo: Path) -> None:
    nab = zoo / "datasets" / "sensors" / "nab"
    name = "machine_temperature_system_failure.csv"
    series = read_csv(nab / name, ["value"], windows=nab / "combined_windows.json", time_column="timestamp")
    recipe = replace(
        RECIPE, length=288, stride=12, center=True, train_share=0.8, hidden=64, code=8, epochs=60
    )
    make_model(series, recipe, tmp_path)
    scores = _scores(tmp_path, series, recipe)
    learnt = (series.normal_rows - recipe.length) // recipe.stride
    judgement = judge(scores > scores[:learnt].max(), series.anomalous, recipe.length, recipe.stride)
    assert judgement.stretches == 4
    assert judgement.found >= 3
    assert judgement.false_windows < 0.15 * judgement.normal_windows


def test_the_command_says_what_is_wrong(tmp_path: Path) -> None:
    np.savez(tmp_path / "r.npz", normal=np.zeros(5, np.float32))
    command = [sys.executable, "-m", "scripts.anomaly.train", str(tmp_path / "r.npz"), "--columns", "v"]
    done = subprocess.run(
        [*command, "--out", str(tmp_path / "out")], capture_output=True, text=True, cwd=ROOT, check=False
    )
    assert done.returncode == 2
    assert "needs --normal" in done.stderr
