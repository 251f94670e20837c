"""The anomaly detector as a task: nothing is both calibrated on and scored."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from scripts.tflite import anomaly
from scripts.tflite.anomaly import METRIC, MODEL, NAME, error, open_zoo_with_anomaly, parts

PROGRAM = """
from collections import namedtuple
Task = namedtuple("Task", "model metric calibration test evaluate")
TASKS = {}
def float_model(task):
    return task.model
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "zoo.py").write_text(PROGRAM)
    (tmp_path / "datasets" / "ad").mkdir(parents=True)
    frames = np.repeat(np.arange(20, dtype="<f4"), 128)
    frames.tofile(tmp_path / "datasets" / "ad" / "one.bin")
    return tmp_path


def test_no_frame_is_in_both_parts(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(anomaly, "CALIBRATION_WINDOWS", 6)
    calibration, test = parts(folder)
    assert len(calibration) == 6
    assert len(test) > 0
    assert not set(calibration.ravel()) & set(test.ravel())
    assert set(calibration.ravel()) | set(test.ravel()) == set(range(20))


def test_it_is_one_of_the_zoos_tasks(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(anomaly, "CALIBRATION_WINDOWS", 6)
    zoo = open_zoo_with_anomaly(folder)
    task = zoo.program.TASKS[NAME]
    assert (task.model, task.metric) == (MODEL, METRIC)
    assert zoo.calibration(NAME).shape == (6, 640)
    inputs, truth = task.test()
    np.testing.assert_array_equal(inputs, truth)


@given(st.integers(1, 5), st.floats(-3, 3))
def test_the_metric_is_the_mean_squared_error(count: int, shift: float) -> None:
    truth = np.zeros((count, 4))
    assert error([np.full((1, 4), shift)] * count, truth) == pytest.approx(shift**2)
