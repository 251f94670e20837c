"""What users are warned about."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from edgeinfer_converters.building.advice import advice
from edgeinfer_converters.building.saturation import Saturated
from edgeinfer_converters.calibration.oddities import Oddities
from edgeinfer_converters.judging.evaluate import Accuracy
from edgeinfer_converters.judging.verify import Comparison
from edgeinfer_converters.samples import Samples, open_samples
from edgeinfer_converters.samples.sample import Sample
from tests.fixtures.data import image_request


def samples_of(count: int, folder: Path) -> Samples:
    """So many calibration samples."""
    np.savez(folder / "cal.npz", image=np.zeros((count, 3, 16, 16), np.float32))
    return open_samples(folder / "cal.npz", image_request())


GOOD = Comparison(samples=50, sqnr_db={"y": 25.0}, agreement=1.0)


@pytest.mark.parametrize(("count", "warned"), [(1, True), (99, True), (100, False)])
def test_few_samples(tmp_path: Path, count: int, *, warned: bool) -> None:
    found = advice(samples_of(count, tmp_path), GOOD, 0.01)
    assert bool(found) is warned
    assert all("some hundred" in text for text in found)


@pytest.mark.parametrize(("agreement", "warned"), [(0.99, False), (0.98, True), (None, False)])
def test_other_top_classes(agreement: float | None, *, warned: bool) -> None:
    found = advice(None, Comparison(samples=50, sqnr_db={"y": 25.0}, agreement=agreement), 0.01)
    assert bool(found) is warned
    assert all("2.0% of 50 samples" in text for text in found)


def test_a_noisy_output_is_named() -> None:
    (text,) = advice(None, Comparison(samples=5, sqnr_db={"a": 25.0, "b": 9.9}), 0.01)
    assert "`b` has an SQNR of 9.9 dB only" in text


def test_labelled_data_say_it_better() -> None:
    accuracy = Accuracy(metric="top-1", samples=5, converted=0.9, reference=0.9, drop=0.0)
    bad = Comparison(samples=5, sqnr_db={"a": 2.0}, agreement=0.5, accuracy=accuracy)
    assert advice(None, bad, 0.01) == ()


def test_nothing_to_compare_with() -> None:
    assert advice(None, Comparison(samples=5, sqnr_db={}), 0.01) == ()


@pytest.mark.parametrize(
    ("metric", "reference", "warned"),
    [
        ("top-1", 0.49, True),
        ("top-1", 0.5, False),
        ("AUC", 0.3, False),
        ("top-1", None, True),
    ],
)
def test_a_model_that_is_fed_wrongly(metric: str, reference: float | None, *, warned: bool) -> None:
    accuracy = Accuracy(metric=metric, samples=5, converted=0.4, reference=reference)
    found = advice(None, Comparison(samples=5, sqnr_db={"a": 30.0}, accuracy=accuracy), 0.01)
    assert bool(found) is warned
    assert all("check size, color, mean and std" in text for text in found)


def test_data_out_of_range_are_named_the_worst_first() -> None:
    found = [Saturated(f"t{number}", 0.001, 0.5 - number / 10) for number in range(5)]
    (text,) = advice(None, GOOD, 0.01, found)
    assert "(50.0% of `t0`, 40.0% of `t1`, 30.0% of `t2` and 2 more tensors)" in text
    assert "are the --calibration data typical" in text
    assert advice(None, GOOD, 0.01, []) == ()


def oddities(*arrays: np.ndarray) -> Oddities:
    found = Oddities()
    for _ in found.watch([Sample(f"{k:02}.png", {"image": one}) for k, one in enumerate(arrays)]):
        pass
    return found


def test_a_sample_beyond_all_others_is_named() -> None:
    arrays = [np.full((1, 2), 1e6 if k == 3 else 2.0, np.float32) for k in range(9)]
    (text,) = advice(None, GOOD, 0.01, oddities=oddities(*arrays))
    assert "03.png has a value of 1e+06 in `image`, where typical samples end at 2:" in text
    assert "look at this sample, or leave it out" in text


def test_copies_of_one_sample_teach_nothing() -> None:
    (text,) = advice(None, GOOD, 0.01, oddities=oddities(*[np.ones((1, 2), np.float32)] * 9))
    assert "all 9 calibration samples are the same" in text


def test_one_sample_is_no_plural(tmp_path: Path) -> None:
    (text,) = advice(samples_of(1, tmp_path), GOOD, 0.01)
    assert text.startswith("calibrated on 1 sample;")
