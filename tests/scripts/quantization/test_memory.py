"""Peaks by number of samples."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import onnx

from scripts.quantization.measured_run import Cost
from scripts.quantization.memory import COUNTS, measure_memory, repeated
from tests.fixtures.models import image_classifier


def test_a_set_is_begun_again() -> None:
    inputs = np.arange(6).reshape(3, 2)
    np.testing.assert_array_equal(repeated(inputs, 5), inputs[[0, 1, 2, 0, 1]])
    np.testing.assert_array_equal(repeated(inputs, 2), inputs[:2])


class Converter:
    """Writes down what it was given."""

    timeout_s = 120.0

    def __init__(self) -> None:
        self.counts: list[int] = []

    def convert(self, model: Path, calibration: Path, out: Path) -> Cost:
        """Peaks of a byte a sample."""
        assert model.is_file()
        self.counts.append(len(np.load(calibration)["input"]))
        return Cost(seconds=1.0, peak_bytes=self.counts[-1])


def test_both_counts_and_the_float_model_are_measured(tmp_path: Path) -> None:
    path = tmp_path / "float.onnx"
    onnx.save(image_classifier(), path)
    zoo: Any = SimpleNamespace(
        calibration=lambda task: np.zeros((3, 3, 16, 16), np.float32), float_model=lambda task: path
    )
    converter = Converter()
    found = measure_memory(zoo, "resnet8", cast(Any, converter), tmp_path)
    assert tuple(converter.counts) == COUNTS
    assert found.peaks == {count: count for count in COUNTS}
    assert found.float_bytes > 20_000_000
    assert list(tmp_path.glob("*.npz")) == []
