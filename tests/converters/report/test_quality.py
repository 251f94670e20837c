"""Measures of both models, against numbers worked out by hand and by definition."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgeinfer.errors import DataError
from edgeinfer.processing.results import (
    Anomaly,
    Classification,
    ClassScore,
    DetectedObject,
    Detection,
    Regression,
)
from edgeinfer.processing.spec import AnomalyOutput
from edgeinfer.strict import replace
from edgeinfer_converters.judging.metrics import METRICS
from edgeinfer_converters.report.facts import Quality
from edgeinfer_converters.report.quality import (
    COLLECTORS,
    AnomalyQuality,
    ClassQuality,
    NumberQuality,
    ObjectQuality,
    rates,
)
from edgeinfer_converters.samples.sample import TruthBox
from tests.fixtures.data import IMAGE_TOML, WINDOW_TOML, pipeline

SPEC = pipeline(IMAGE_TOML)
LABELS = ("cat", "dog", "owl")


def answer(number: int | None) -> Classification:
    found = () if number is None else (ClassScore(label=str(number), score=0.5),)
    return Classification(classes=found)


def classified(triples: list[tuple[int, int | None, int | None]]) -> Quality:
    """Truth, the converted model's answer, the float model's."""
    quality = ClassQuality(SPEC, LABELS)
    for truth, converted, reference in triples:
        quality.add(truth, answer(converted), answer(reference))
    return quality.quality(len(triples))


def test_every_task_with_a_metric_has_a_collector() -> None:
    assert COLLECTORS.keys() == METRICS.keys()


def test_precision_recall_and_f1_of_each_class() -> None:
    found = classified([(0, 0, 0), (0, 0, 0), (0, 1, 0), (1, 1, 1), (1, 0, 1), (2, 2, 0)])
    cat, dog, owl = found.classes
    assert (cat.label, cat.samples) == ("cat", 3)
    assert cat.converted.precision == pytest.approx(2 / 3, abs=1e-6)
    assert cat.converted.recall == pytest.approx(2 / 3, abs=1e-6)
    assert dog.converted.f1 == 0.5
    assert cat.reference is not None
    assert cat.reference.precision == 0.75
    assert owl.reference is not None
    assert owl.reference.f1 == 0
    names = {one.name: one for one in found.measures}
    assert names["top-1 accuracy"].converted == pytest.approx(4 / 6, abs=1e-6)
    assert names["top-1 accuracy"].reference == pytest.approx(5 / 6, abs=1e-6)
    assert names["recall, mean of the classes"].converted == pytest.approx((2 / 3 + 0.5 + 1) / 3, abs=1e-6)


def test_confusions_most_frequent_first_then_those_that_changed() -> None:
    found = classified([(0, 1, 0), (1, 2, 2), (2, 0, 0), (2, 0, 0), (0, None, 0)])
    pairs = [(one.truth, one.answer, one.converted, one.reference) for one in found.confusions]
    assert pairs[0] == ("owl", "cat", 2, 2)
    assert ("cat", "no class", 1, 0) in pairs
    assert pairs[-1] == ("dog", "owl", 1, 1)


@given(st.lists(st.tuples(st.integers(0, 4), st.integers(0, 4)), min_size=1))
def test_laws_of_rates(pairs: list[tuple[int, int]]) -> None:
    counted = Counter(pairs)
    for number in range(5):
        found = rates(counted, number)
        assert 0 <= found.precision <= 1
        assert 0 <= found.recall <= 1
        assert (
            min(found.precision, found.recall) - 1e-6 <= found.f1 <= max(found.precision, found.recall) + 1e-6
        )
    mirrored = Counter((answered, truth) for truth, answered in pairs)
    assert rates(mirrored, 0).precision == rates(counted, 0).recall


def test_a_model_that_was_not_converted_has_no_other_side() -> None:
    quality = ClassQuality(SPEC, LABELS)
    quality.add(0, answer(0), None)
    found = quality.quality(1)
    assert all(one.reference is None for one in found.measures)
    assert all(one.reference is None for one in found.classes)


def objects(*found: tuple[int, tuple[float, float, float, float]]) -> Detection:
    return Detection(objects=tuple(DetectedObject(label=str(n), score=0.9, box=b) for n, b in found))


def test_average_precision_of_each_class() -> None:
    box, other = (10.0, 10.0, 20.0, 20.0), (100.0, 100.0, 40.0, 40.0)
    truth = (TruthBox(0, box, 400.0, crowd=False), TruthBox(2, other, 1600.0, crowd=False))
    quality = ObjectQuality(SPEC, LABELS)
    quality.add(truth, objects((0, box)), objects((0, box), (2, other)))
    found = quality.quality(1)
    assert [(one.label, one.converted, one.reference) for one in found.objects] == [
        ("cat", 1.0, 1.0),
        ("owl", 0.0, 1.0),
    ]
    assert [(one.name, one.converted, one.reference) for one in found.measures] == [
        ("mAP50-95", 0.5, 1.0),
        ("mAP50", 0.5, 1.0),
    ]


def test_a_detector_that_finds_nothing() -> None:
    quality = ObjectQuality(SPEC, LABELS)
    quality.add((TruthBox(1, (0.0, 0.0, 9.0, 9.0), 81.0, crowd=False),), objects(), None)
    found = quality.quality(1)
    assert [(one.label, one.converted, one.reference) for one in found.objects] == [("dog", 0.0, None)]


def scored(threshold: Any) -> Quality:
    spec = replace(pipeline(WINDOW_TOML), output=AnomalyOutput(threshold=threshold))
    quality = AnomalyQuality(spec, ())
    for truth, converted, reference in ((0, 0.1, 0.1), (0, 0.9, 0.2), (1, 0.8, 0.9), (1, 0.95, 0.4)):
        one, other = (Anomaly(score=s, threshold=0.0, anomalous=True) for s in (converted, reference))
        quality.add(truth, one, other)
    return quality.quality(4)


def test_an_anomaly_model_with_its_threshold() -> None:
    found = {one.name: [one.converted, one.reference] for one in scored(0.5).measures}
    assert found["AUC"] == [0.75, 1.0]
    assert found["precision at the threshold 0.5"] == pytest.approx([2 / 3, 1.0], abs=1e-6)
    assert found["recall at the threshold 0.5"] == [1.0, 0.5]


def test_an_anomaly_model_without_a_threshold() -> None:
    (auc,) = scored("auto").measures
    assert auc.name == "AUC"
    assert auc.reference == 1.0


def test_an_auc_needs_both_kinds() -> None:
    quality = AnomalyQuality(pipeline(WINDOW_TOML), ())
    quality.add(1, Anomaly(score=1.0, threshold=0.0, anomalous=True), None)
    with pytest.raises(DataError, match="both normal and anomalous"):
        quality.quality(1)


def test_numbers_in_their_own_units() -> None:
    quality = NumberQuality(SPEC, ())
    for truth, converted in (((0.0, 10.0), (1.0, 12.0)), ((10.0, 30.0), (10.0, 30.0))):
        one = Regression(values=dict(zip("ab", converted, strict=True)))
        other = Regression(values=dict(zip("ab", truth, strict=True)))
        quality.add(truth, one, other)
    found = {one.name: [one.converted, one.reference] for one in quality.quality(2).measures}
    assert found["mean absolute error of a"] == [0.5, 0.0]
    assert found["mean absolute error of b"] == [1.0, 0.0]
    assert found["MAE / range"] == pytest.approx([0.05, 0.0])
    assert not any(one.higher_is_better for one in quality.quality(2).measures)
