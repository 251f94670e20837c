"""Metrics against values worked out by hand, and their laws."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import assume, given
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
from edgeinfer_converters.judging.metrics import (
    METRICS,
    AreaUnderCurve,
    MeanAbsoluteError,
    MeanAveragePrecision,
    Top1,
    drop,
)
from edgeinfer_converters.samples import TruthBox


def classified(label: int) -> Classification:
    return Classification(classes=(ClassScore(label=str(label), score=0.9),))


def anomaly(score: float) -> Anomaly:
    return Anomaly(score=score, threshold=0.0, anomalous=True)


def found(*boxes: tuple[int, float, tuple[float, float, float, float]]) -> Detection:
    return Detection(objects=tuple(DetectedObject(label=str(a), score=b, box=c) for a, b, c in boxes))


def truth(label: int, *box: float) -> TruthBox:
    x, y, width, height = box
    return TruthBox(label, (x, y, width, height), width * height, crowd=False)


def test_every_scored_task_has_a_metric() -> None:
    assert set(METRICS) == {"anomaly", "classification", "detection", "regression"}
    assert len({make().name for make in METRICS.values()}) == 4


def test_top1() -> None:
    metric = Top1()
    for label, wanted in ((0, 0), (1, 2), (2, 2), (3, 3)):
        metric.add(classified(label), wanted)
    metric.add(Classification(classes=()), 0)
    assert metric.value() == pytest.approx(0.6)


def test_auc_of_perfect_and_useless_scores() -> None:
    perfect, useless = AreaUnderCurve(), AreaUnderCurve()
    for k in range(10):
        perfect.add(anomaly(k), int(k >= 7))
        useless.add(anomaly(1.0), int(k >= 7))
    assert perfect.value() == 1.0
    assert useless.value() == 0.5


scores = st.lists(st.tuples(st.integers(0, 5), st.booleans()), min_size=2, max_size=40)


@given(rows=scores)
def test_auc_is_the_share_of_pairs_in_order(rows: list[tuple[int, bool]]) -> None:
    good = [score for score, bad in rows if not bad]
    bad = [score for score, bad in rows if bad]
    assume(good and bad)
    metric = AreaUnderCurve()
    for score, anomalous in rows:
        metric.add(anomaly(score), int(anomalous))
    pairs = [(b > g) + 0.5 * (b == g) for b in bad for g in good]
    assert metric.value() == pytest.approx(float(np.mean(pairs)))


@pytest.mark.parametrize("label", [0, 1])
def test_auc_needs_both_kinds(label: int) -> None:
    metric = AreaUnderCurve()
    metric.add(anomaly(1.0), label)
    with pytest.raises(DataError, match="both normal and anomalous"):
        metric.value()


def test_mae_is_relative_to_the_range_of_each_target() -> None:
    metric = MeanAbsoluteError()
    metric.add(Regression(values={"a": 1.0, "b": 100.0}), (0.0, 100.0))
    metric.add(Regression(values={"a": 10.0, "b": 320.0}), (10.0, 300.0))
    # a: mean error 0.5 of a range of 10; b: mean error 10 of a range of 200.
    assert metric.value() == pytest.approx(0.05)


def test_mae_needs_a_range_and_as_many_numbers() -> None:
    metric = MeanAbsoluteError()
    with pytest.raises(DataError, match="gives 1 numbers, the evaluation data hold 2"):
        metric.add(Regression(values={"a": 1.0}), (0.0, 100.0))
    metric.add(Regression(values={"a": 1.0}), (3.0,))
    with pytest.raises(DataError, match="same value in all"):
        metric.value()


def test_map_of_exact_boxes_is_one(capsys: pytest.CaptureFixture[str]) -> None:
    metric = MeanAveragePrecision()
    metric.add(
        found((0, 0.9, (1, 2, 30, 40)), (3, 0.8, (5, 5, 60, 20))),
        (truth(0, 1, 2, 30, 40), truth(3, 5, 5, 60, 20)),
    )
    assert metric.value() == pytest.approx(1.0)
    assert capsys.readouterr().out == ""  # pycocotools prints a table, and stdout is for results


def test_map_counts_thresholds_of_overlap() -> None:
    metric = MeanAveragePrecision()
    # IoU 0.8: good enough for 0.50 to 0.80, seven of the ten thresholds.
    metric.add(found((0, 0.9, (0, 0, 80, 100))), (truth(0, 0, 0, 100, 100),))
    assert metric.value() == pytest.approx(0.7)


def test_precisions_of_each_class_and_at_half() -> None:
    metric = MeanAveragePrecision()
    metric.add(
        found((0, 0.9, (0, 0, 80, 100)), (7, 0.9, (0, 0, 5, 5))),
        (truth(0, 0, 0, 100, 100), truth(3, 50, 50, 10, 10)),
    )
    found_details = metric.details()
    assert found_details.by_class == {0: pytest.approx(0.7), 3: 0.0}
    assert found_details.mean == pytest.approx(0.35)
    assert found_details.mean_at_half == pytest.approx(0.5)


def test_map_of_a_class_that_is_never_found_is_zero() -> None:
    metric = MeanAveragePrecision()
    metric.add(found((0, 0.9, (0, 0, 10, 10))), (truth(0, 0, 0, 10, 10), truth(1, 50, 50, 10, 10)))
    assert metric.value() == pytest.approx(0.5)


def test_map_penalizes_what_is_not_there_only_in_classes_of_the_truth() -> None:
    metric = MeanAveragePrecision()
    metric.add(found((5, 0.9, (0, 0, 10, 10)), (0, 0.8, (0, 0, 10, 10))), (truth(0, 0, 0, 10, 10),))
    assert metric.value() == pytest.approx(1.0)


def test_map_without_any_detection_or_any_truth() -> None:
    metric = MeanAveragePrecision()
    metric.add(found(), (truth(0, 0, 0, 10, 10),))
    assert metric.value() == 0.0
    empty = MeanAveragePrecision()
    empty.add(found((0, 0.9, (0, 0, 10, 10))), ())
    with pytest.raises(DataError, match="no box of a class"):
        empty.value()


def test_drop_is_positive_for_worse() -> None:
    assert drop(Top1(), 0.9, 0.8) == pytest.approx(0.1)
    assert drop(MeanAbsoluteError(), 0.1, 0.2) == pytest.approx(0.1)
    assert drop(AreaUnderCurve(), 0.8, 0.9) == pytest.approx(-0.1)
