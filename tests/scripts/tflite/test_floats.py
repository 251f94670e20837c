"""Float models: how the difference is measured, and a model from a file to a row."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import onnx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from scripts.tflite import floats
from scripts.tflite.floats import FloatBench, relative_error, worst_error
from scripts.tflite.results import OldRun
from tests.fixtures.models import image_classifier
from tests.fixtures.tflite_graphs import network

OLD = OldRun(steps=0.5)


@pytest.fixture
def bench(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> FloatBench:
    def inputs(zoo: object, model: Path, shape: tuple[int, ...], count: int) -> Any:
        return np.random.default_rng(0).normal(size=(count, *shape[1:])).astype(np.float32)

    def turned(zoo: object, model: Path, shape: tuple[int, ...], count: int) -> Any:
        assert shape == (1, 3, 16, 16) if model.suffix == ".onnx" else (1, 16, 16, 3)
        return inputs(zoo, model, shape, count)

    monkeypatch.setattr(floats, "real_inputs", turned)
    old = SimpleNamespace(compare=lambda model, inputs, run: OLD)
    return FloatBench(cast(Any, None), tmp_path, 3, cast(Any, old))


def test_equal_outputs_have_no_error() -> None:
    zeros = np.zeros((1, 3), np.float32)
    assert relative_error(zeros, zeros) == 0.0


def test_the_error_is_relative_to_the_largest_value() -> None:
    wanted = np.array([[0.0, -8.0, 1.0]], np.float32)
    assert relative_error(wanted, wanted + np.array([[0, 0, 0.5]], np.float32)) == 0.0625


@pytest.mark.parametrize(
    ("wanted", "found"),
    [([0.0, 0.0], [0.0, 1.0]), ([1.0, 2.0], [1.0, np.nan]), ([1.0, 2.0], [[1.0, 2.0]])],
)
def test_what_cannot_be_compared_is_infinitely_wrong(wanted: list[float], found: list[Any]) -> None:
    assert relative_error(np.array(wanted, np.float32), np.array(found, np.float32)) == np.inf


@given(st.floats(1e-3, 1e3), st.floats(0, 1))
def test_the_error_has_no_unit(scale: float, error: float) -> None:
    wanted = np.array([1.0, -0.5])
    found = wanted + np.array([0, error])
    assert relative_error(wanted * scale, found * scale) == pytest.approx(error, abs=1e-9)


def test_the_worst_sample_and_output_count() -> None:
    def run(error: float) -> Any:
        def answer(tensors: dict[str, Any]) -> dict[str, Any]:
            one = tensors["x"]
            return {"a": one, "b": one + error * one.max()}

        return SimpleNamespace(inputs=[SimpleNamespace(name="x")], run=answer)

    inputs = np.array([[1.0, 2.0], [4.0, 1.0]])
    assert worst_error(run(0.0), run(0.25), inputs) == 0.25
    assert worst_error(run(0.0), run(0.0), inputs) == 0.0


def test_an_onnx_model_from_file_to_row(bench: FloatBench, tmp_path: Path) -> None:
    path = tmp_path / "net.onnx"
    onnx.save(image_classifier(batch="N"), path)
    row = bench.run(path)
    assert (row.model, row.reason) == ("net (onnx)", None)
    assert row.error is not None
    assert row.error < 1e-5
    assert row.file is not None
    assert row.file.size_bytes == (tmp_path / "net.onnx-float32.tflite").stat().st_size
    assert (row.file.integer_share, row.file.old) == (0.0, OLD)
    assert row.file.kernels.operators["CONV_2D"] == 1
    assert row.reference is not None
    assert row.reference.ratio == 1.0
    assert row.file.latency is not None


def test_a_tflite_model_is_held_against_the_graph_it_was_read_into(bench: FloatBench, tmp_path: Path) -> None:
    path = tmp_path / "net.tflite"
    path.write_bytes(network())
    row = bench.run(path)
    assert (row.model, row.reason) == ("net (tflite)", None)
    assert row.error is not None
    assert row.error < 1e-5


def test_a_model_that_fails_says_why(bench: FloatBench, tmp_path: Path) -> None:
    path = tmp_path / "net.onnx"
    path.write_bytes(b"no model")
    row = bench.run(path)
    assert row.file is None
    assert "net.onnx" in (row.reason or "")
