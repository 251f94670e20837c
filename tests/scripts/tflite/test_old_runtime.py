"""The distance of two runtimes' outputs, and both runs with this environment in the old one's place."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgeinfer_converters.graph.prepare import prepare
from edgeinfer_converters.tflite.convert import to_tflite
from scripts.quantization.measured_run import ToolError
from scripts.quantization.peers import Environment
from scripts.tflite import old_runtime
from scripts.tflite.flatbuffer import quantized_graph
from scripts.tflite.old_runtime import ENVIRONMENT, OldRuntime, distance, lost_db
from tests.fixtures.models import image_classifier
from tests.fixtures.tflite import doubler

INPUTS = np.random.default_rng(0).normal(size=(6, 3, 16, 16)).astype(np.float32)


def _outputs(values: list[float], step: float) -> dict[str, np.ndarray]:
    return {"own_0": np.array([values], np.float32), "step_0": np.array(step)}


def test_it_lies_in_an_ignored_folder_and_wants_an_old_python(tmp_path: Path) -> None:
    assert ENVIRONMENT.folder(tmp_path) == tmp_path / ".venv-tflite-runtime"
    assert ENVIRONMENT.newest == (3, 11)
    assert any(one.startswith("numpy==1.") for one in ENVIRONMENT.requirements)


def test_distance_is_counted_in_steps() -> None:
    new, old = _outputs([1.0, 2.0], 0.25), _outputs([1.0, 2.5], 0.25)
    assert distance(new, old, way="own", part=1e-4) == 2.0


def test_floats_are_counted_in_parts_of_the_largest() -> None:
    new, old = _outputs([1.0, -4.0], 0.0), _outputs([1.5, -4.0], 0.0)
    assert distance(new, old, way="own", part=0.125) == 1.0


def test_the_worst_output_counts_and_only_the_way_asked_for() -> None:
    new = {name: np.zeros(2) for name in ("own_0", "own_1", "usual_0", "usual_1")}
    new |= {"step_0": np.array(1.0), "step_1": np.array(2.0)}
    old = new | {"own_0": np.ones(2), "own_1": 3 * np.ones(2), "usual_0": 9 * np.ones(2)}
    assert distance(new, old, way="own", part=1.0) == 1.5
    assert distance(new, old, way="usual", part=1.0) == 9.0


@pytest.mark.parametrize("values", [[1.0], [1.0, np.nan]])
def test_what_is_not_alike_is_infinitely_far(values: list[float]) -> None:
    assert distance(_outputs([1.0, 2.0], 1.0), _outputs(values, 1.0), way="own", part=1.0) == np.inf


def test_integers_do_not_wrap_around() -> None:
    new = {"own_0": np.array([127], np.int8), "step_0": np.array(1.0)}
    old = {"own_0": np.array([-128], np.int8), "step_0": np.array(1.0)}
    assert distance(new, old, way="own", part=1.0) == 255.0


@given(st.lists(st.floats(-9, 9, width=32), min_size=1), st.floats(0.01, 1))
def test_nothing_is_far_from_itself(values: list[float], step: float) -> None:
    same = _outputs(values, step)
    assert distance(same, same, way="own", part=1e-4) == 0.0


def test_nearness_to_float_is_compared() -> None:
    inputs = np.array([[1.0, 2.0], [3.0, 4.0]])
    new, old = ({"usual_0": inputs + error} for error in (0.1, 0.2))
    found = lost_db(lambda one: one, inputs, new, old)
    assert found == pytest.approx(20 * np.log10(2), abs=0.01)
    assert lost_db(lambda one: one, inputs, old, old) == 0.0


@pytest.mark.parametrize("integer", [False, True])
def test_a_file_runs_in_both(integer: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Images go in as the source model has them, and the file wants them channels last."""
    monkeypatch.setattr(old_runtime, "ready_environment", lambda environment, root: Path(sys.executable))
    model = prepare(image_classifier(), max_opset=17, max_ir_version=9)
    made = to_tflite(quantized_graph(model, INPUTS) if integer else model)
    found = OldRuntime(tmp_path).compare(made.data, INPUTS)
    assert (found.steps, found.usual_steps, found.reason) == (0.0, 0.0, None)
    assert found.lost_db is None


def test_an_environment_that_cannot_be_had_is_tried_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tried: list[str] = []

    def ready(environment: Environment, root: Path) -> Path:
        tried.append(environment.name)
        raise ToolError("not installed: no such version")

    monkeypatch.setattr(old_runtime, "ready_environment", ready)
    runtime = OldRuntime(tmp_path)
    for _ in range(2):
        assert runtime.compare(doubler(), np.zeros((1, 4))).reason == "not installed: no such version"
    assert tried == ["tflite-runtime"]


def test_a_file_that_does_not_run_says_why(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    broken = tmp_path / "python"
    broken.write_text("#!/bin/sh\necho 'ValueError: no such operator' >&2; exit 1\n", encoding="utf-8")
    broken.chmod(0o755)
    monkeypatch.setattr(old_runtime, "ready_environment", lambda environment, root: broken)
    found = OldRuntime(tmp_path).compare(doubler(), np.zeros((1, 4), np.float32))
    assert found.steps is None
    assert found.reason == "ValueError: no such operator"
