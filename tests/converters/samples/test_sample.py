"""Labels by name or number, and numbers that are none."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgeinfer.errors import DataError
from edgeinfer_converters.samples.sample import Sample, check_finite, class_index

LABELS = ("cat", "dog", "owl")


@pytest.mark.parametrize(("text", "index"), [("cat", 0), ("owl", 2), ("0", 0), ("2", 2), ("02", 2)])
def test_a_label_by_name_or_number(text: str, index: int) -> None:
    assert class_index(text, LABELS, "here") == index


def test_a_name_that_looks_like_a_number_is_a_name() -> None:
    assert class_index("7", ("3", "7"), "here") == 1


def test_without_labels_any_number_will_do() -> None:
    assert class_index("900", (), "here") == 900


@pytest.mark.parametrize("text", ["", "wolf", "Cat", "3", "-1", "1.0", " 1", "²", "١", "1e0"])
def test_what_is_no_label(text: str) -> None:
    with pytest.raises(DataError) as caught:
        class_index(text, LABELS, "labels.csv, line 4")
    assert caught.value.message == f"labels.csv, line 4: unknown label `{text}`"
    assert "counted from 0" in caught.value.hint


@pytest.mark.parametrize("labels", [LABELS, ()])
def test_a_number_of_thousands_of_digits_is_no_label(labels: tuple[str, ...]) -> None:
    with pytest.raises(DataError, match="unknown label") as caught:
        class_index("9" * 5000, labels, "here")
    assert len(caught.value.message) < 200


@given(st.lists(st.text(min_size=1), min_size=1, max_size=8, unique=True), st.data())
def test_every_label_is_found_by_its_name(labels: list[str], data: st.DataObject) -> None:
    index = data.draw(st.integers(0, len(labels) - 1))
    assert class_index(labels[index], tuple(labels), "here") == index


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_nan_and_infinity(value: float, dtype: type) -> None:
    array: np.ndarray = np.zeros((2, 3), dtype)
    check_finite(array, "here")
    array[1, 2] = value
    with pytest.raises(DataError, match="here: holds NaN or infinity"):
        check_finite(array, "here")


@pytest.mark.parametrize("dtype", [np.uint8, np.int8, np.int64, np.bool_])
def test_integers_are_always_finite(dtype: type) -> None:
    check_finite(np.ones(3, dtype), "here")


def test_nothing_is_finite() -> None:
    check_finite(np.zeros((0, 3), np.float32), "here")


def test_a_sample_need_not_be_labelled() -> None:
    sample = Sample("a.png", {"x": np.zeros(1)})
    assert sample.truth is None
    assert sample.geometry is None
