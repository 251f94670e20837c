"""Comparing an emitted model with the float model."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgeinfer.backends.fake import Answer, FakeBackend
from edgeinfer.bundle.golden import sqnr_db
from edgeinfer.errors import ModelError
from edgeinfer.frames import Array, TensorInfo
from edgeinfer_converters.judging.verify import MAX_SQNR_DB, Comparison, SqnrMeter, compare, run_checked
from edgeinfer_converters.samples import Sample
from tests.fixtures.data import IMAGE_TOML, pipeline

X = TensorInfo(name="x", dtype="float32", shape=(1, 3))
Y = TensorInfo(name="y", dtype="float32", shape=(1, 3))
LABELS = ("a", "b", "c")
CLASSES = pipeline(IMAGE_TOML)
RAW = pipeline(IMAGE_TOML.replace('"classification"', '"raw"').replace('labels = "labels.txt"\n', ""))


def backend(answer: Answer) -> FakeBackend:
    return FakeBackend((X,), (Y,), answer)


def samples(*rows: list[float], truths: tuple[int | None, ...] = ()) -> list[Sample]:
    wanted = truths or (None,) * len(rows)
    return [
        Sample(f"row {k}", {"x": np.array([row], np.float32)}, None, wanted[k]) for k, row in enumerate(rows)
    ]


def same() -> FakeBackend:
    return backend(lambda inputs: {"y": inputs["x"]})


def test_equal_models() -> None:
    found = compare(same(), same(), samples([1, 2, 3], [3, 2, 1]), CLASSES, LABELS)
    assert found.sqnr_db == {"y": MAX_SQNR_DB}
    assert found.agreement == 1.0
    assert found.accuracy is None
    assert found.samples == 2


def test_noise_and_disagreement() -> None:
    shifted = backend(lambda inputs: {"y": inputs["x"] + np.array([[0, 0, 1]], np.float32)})
    found = compare(same(), shifted, samples([0, 3, 2.5], [4, 0, 0], truths=(1, 0)), CLASSES, LABELS)
    assert found.agreement == 0.5
    assert found.sqnr_db["y"] == pytest.approx(10 * math.log10((9 + 6.25 + 16) / 2), abs=0.05)
    assert found.accuracy is not None
    assert (found.accuracy.reference, found.accuracy.converted, found.accuracy.drop) == (1.0, 0.5, 0.5)


def test_only_classification_has_a_top_class() -> None:
    found = compare(same(), same(), samples([1, 2, 3]), RAW, ())
    assert found.agreement is None


def test_without_a_reference_only_accuracy_is_known() -> None:
    found = compare(None, same(), samples([1, 2, 3], [3, 2, 1], truths=(2, 2)), CLASSES, LABELS)
    assert found.sqnr_db == {}
    assert found.worst_sqnr_db is None
    assert found.accuracy is not None
    assert (found.accuracy.converted, found.accuracy.reference, found.accuracy.drop) == (0.5, None, None)


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_a_model_that_gives_nonsense_is_refused(value: float) -> None:
    broken = backend(lambda inputs: {"y": np.full((1, 3), value, np.float32)})
    with pytest.raises(ModelError, match="`y` holds NaN or infinity for row 0"):
        compare(same(), broken, samples([1, 2, 3]), CLASSES, LABELS)


def test_integer_outputs_are_always_finite() -> None:
    output = TensorInfo(name="y", dtype="int8", shape=(1, 3))
    integer = FakeBackend((X,), (output,), lambda inputs: {"y": np.zeros((1, 3), np.int8)})
    (sample,) = samples([1, 2, 3])
    assert run_checked(integer, sample)["y"].dtype == np.int8


@pytest.mark.parametrize("shape", [(1, 2), (3, 1)])
def test_another_shape_is_refused(shape: tuple[int, int]) -> None:
    other = backend(lambda inputs: {"y": np.zeros(shape, np.float32)})
    with pytest.raises(ModelError, match="not what the float model gives"):
        compare(same(), other, samples([1, 2, 3]), RAW, ())


def test_another_name_is_refused() -> None:
    renamed = TensorInfo(name="z", dtype="float32", shape=(1, 3))
    other = FakeBackend((X,), (renamed,), lambda inputs: {"z": inputs["x"]})
    with pytest.raises(ModelError, match="`z` is not what the float model gives"):
        compare(same(), other, samples([1, 2, 3]), RAW, ())


rows = st.lists(st.floats(-1e3, 1e3, width=32).map(lambda x: round(x, 3)), min_size=4, max_size=4)


@given(first=st.lists(rows, min_size=1, max_size=5), second=rows)
def test_streaming_gives_what_the_device_computes_at_once(
    first: list[list[float]], second: list[float]
) -> None:
    meter, noise = SqnrMeter(), np.array(second)
    for row in first:
        meter.add(np.array(row), np.array(row) + noise)
    whole = np.array(first)
    wanted = sqnr_db(whole, whole + noise)
    assert meter.value_db() == pytest.approx(max(-200.0, min(200.0, wanted)), abs=0.051)


def test_extremes_stay_finite() -> None:
    def value(reference: Array, other: Array) -> float:
        meter = SqnrMeter()
        meter.add(reference, other)
        return meter.value_db()

    assert value(np.zeros(3), np.zeros(3)) == MAX_SQNR_DB
    assert value(np.zeros(3), np.ones(3)) == -MAX_SQNR_DB
    assert value(np.ones(3), np.ones(3) * 1e30) == -MAX_SQNR_DB
    mask = np.array([1.0, -np.inf, 1.0])
    assert value(mask, mask) == MAX_SQNR_DB
    assert value(mask, np.array([1.1, -np.inf, 0.9])) == 20.0
    assert value(mask, np.ones(3)) == -MAX_SQNR_DB
    assert value(np.ones(3), mask) == -MAX_SQNR_DB


@pytest.mark.parametrize(
    ("sqnr_db", "noisy"),
    [({}, None), ({"a": 10.0, "b": 40.0}, None), ({"a": 9.9, "b": 40.0, "c": -200.0}, "c")],
)
def test_the_noisiest_output(sqnr_db: dict[str, float], noisy: str | None) -> None:
    assert Comparison(samples=1, sqnr_db=sqnr_db).noisy_output == noisy


def test_places_and_classes_are_not_noisy() -> None:
    """The float at another place may be as good as equal."""
    comparison = Comparison(samples=1, sqnr_db={"scores": 40.0, "places": 2.0}, counts=("places",))
    assert comparison.worst_sqnr_db == 2.0
    assert comparison.noisy_output is None
