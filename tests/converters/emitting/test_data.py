"""Which data serve for what."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from edgeinfer_converters.emitting.data import CALIBRATION_LIMIT, Data, open_data
from tests.fixtures.data import IMAGE_TENSOR, IMAGE_TOML, pipeline, write_classes, write_images


def opened(calibration: Path | None, evaluation: Path | None, *, effort: str = "default") -> Data:
    labels = ("cat", "dog", "owl")
    spec = pipeline(IMAGE_TOML)
    return open_data(calibration, evaluation, spec, labels, (IMAGE_TENSOR,), effort=effort, seed=0)


def test_with_evaluation_data_all_calibration_data_are_calibrated_on(tmp_path: Path) -> None:
    write_images(tmp_path / "cal", 12)
    write_classes(tmp_path / "eval", 2)
    data = opened(tmp_path / "cal", tmp_path / "eval")
    assert data.calibration is not None
    assert len(data.calibration) == 12
    assert data.evaluation is data.verification
    assert data.verification_count == 6
    assert data.described == "of the evaluation data"


def test_without_them_a_tenth_is_held_out(tmp_path: Path) -> None:
    write_images(tmp_path / "cal", 20)
    data = opened(tmp_path / "cal", None)
    assert data.calibration is not None
    assert data.all_calibration is not None
    held_out = [sample.name for sample in data.verification]
    assert len(held_out) == data.verification_count == 2
    assert not set(held_out) & {sample.name for sample in data.calibration}
    assert len(data.all_calibration) == 20
    assert data.described == "held out of calibration"


def test_too_few_to_hold_any_out(tmp_path: Path) -> None:
    write_images(tmp_path / "cal", 5)
    data = opened(tmp_path / "cal", None)
    assert data.verification is data.calibration
    assert data.described == "of the calibration data"


def test_without_any_data_inputs_are_made_up() -> None:
    data = opened(None, None)
    assert data.calibration is None
    assert len(list(data.verification)) == data.verification_count == 16
    assert data.described == "made up at random"


def test_effort_raises_the_number_of_samples(tmp_path: Path) -> None:
    np.savez(tmp_path / "cal.npz", image=np.zeros((700, 3, 16, 16), np.float32))
    usual, high = opened(tmp_path / "cal.npz", None), opened(tmp_path / "cal.npz", None, effort="high")
    assert usual.all_calibration is not None
    assert high.all_calibration is not None
    assert len(usual.all_calibration) == CALIBRATION_LIMIT["default"] == 512
    assert len(high.all_calibration) == 700
