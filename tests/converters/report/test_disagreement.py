"""Which samples are shown, and in which words."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgeinfer.processing.results import (
    Anomaly,
    Classification,
    ClassScore,
    DetectedObject,
    Detection,
    Outcome,
    Raw,
    Regression,
)
from edgeinfer_converters.report.disagreement import (
    Disagreements,
    answer_text,
    difference,
    iou,
    relative_error,
    truth_text,
)
from edgeinfer_converters.samples.sample import Sample, TruthBox

sides = st.floats(0, 100)
boxes = st.tuples(sides, sides, sides, sides)


def classes(*pairs: tuple[str, float]) -> Classification:
    return Classification(classes=tuple(ClassScore(label=name, score=score) for name, score in pairs))


def objects(*found: tuple[str, float, tuple[float, float, float, float]]) -> Detection:
    return Detection(objects=tuple(DetectedObject(label=n, score=s, box=b) for n, s, b in found))


def anomaly(score: float) -> Anomaly:
    return Anomaly(score=score, threshold=1.0, anomalous=score > 1.0)


BOX, AWAY = (0.0, 0.0, 10.0, 10.0), (50.0, 50.0, 10.0, 10.0)


@pytest.mark.parametrize(
    ("reference", "converted", "differs", "amount"),
    [
        (classes(("a", 0.75), ("b", 0.25)), classes(("a", 0.5), ("b", 0.5)), False, 0.25),
        (classes(("a", 0.75), ("b", 0.25)), classes(("b", 0.5), ("a", 0.5)), True, 0.25),
        (classes(), classes(("b", 0.5)), True, 0.0),
        (objects(("a", 0.75, BOX)), objects(("a", 0.5, BOX)), False, 0.25),
        (objects(("a", 0.75, BOX)), objects(("b", 0.5, BOX)), True, 1.25),
        (objects(("a", 0.75, BOX)), objects(("a", 0.5, AWAY)), True, 1.25),
        (objects(), objects(("a", 0.5, BOX)), True, 0.5),
        (anomaly(2.0), anomaly(0.5), True, 0.75),
        (anomaly(0.5), anomaly(0.5), False, 0.0),
        (Regression(values={"t": 2.0}), Regression(values={"t": 2.5}), False, 0.5),
        (Raw(outputs={}), Raw(outputs={}), False, None),
    ],
)
def test_differences(reference: Outcome, converted: Outcome, differs: bool, amount: float | None) -> None:
    assert difference(reference, converted) == (
        differs,
        pytest.approx(amount) if amount is not None else None,
    )


@given(boxes, boxes)
def test_law_of_iou(one: tuple[float, ...], other: tuple[float, ...]) -> None:
    share = iou(one, other)  # type: ignore[arg-type]  # four sides each
    assert 0 <= share <= 1
    assert share == pytest.approx(iou(other, one))  # type: ignore[arg-type]  # four sides each
    assert iou(BOX, BOX) == 1
    assert iou(BOX, AWAY) == 0


def test_the_worst_come_first_and_memory_is_bounded() -> None:
    cases = Disagreements(most=3)
    for k in range(20):
        sample = Sample(f"s{k}", {})
        other = classes(("a", 0.9 - k / 100)) if k != 7 else classes(("b", 0.9), ("a", 0.85))
        cases.add(sample, (classes(("a", 0.9)), other), ({}, {}))
    assert [case.sample.name for case in cases.worst] == ["s7", "s19", "s18"]
    assert (cases.compared, cases.differing) == (20, 1)


def test_equal_answers_are_no_disagreement() -> None:
    cases = Disagreements()
    cases.add(Sample("s", {}), (classes(("a", 0.9)), classes(("a", 0.9))), ({}, {}))
    assert cases.worst == ()
    assert cases.compared == 1


def test_raw_outputs_are_ranked_by_their_error() -> None:
    cases = Disagreements()
    wanted = {"y": np.array([1.0, 1.0])}
    for name, error in (("near", 0.1), ("far", 1.0)):
        cases.add(Sample(name, {}), (Raw(outputs={}), Raw(outputs={})), (wanted, {"y": wanted["y"] + error}))
    assert [case.sample.name for case in cases.worst] == ["far", "near"]
    assert relative_error(wanted, wanted) == 0


@pytest.mark.parametrize(
    ("outcome", "text"),
    [
        (classes(("cat", 0.75), ("dog", 0.2), ("owl", 0.05)), "cat 75.0%, dog 20.0%"),
        (classes(), "no class"),
        (objects(), "nothing"),
        (objects(*[("a", 0.5, BOX)] * 6), "a 50%, a 50%, a 50%, a 50%, and 2 more"),
        (anomaly(2.0), "anomalous: score 2, threshold 1"),
        (Regression(values={"t": 1.5}), "t 1.5"),
        (Raw(outputs={}), "tensors that differ"),
    ],
)
def test_answers(outcome: Outcome, text: str) -> None:
    assert answer_text(outcome) == text


def test_truths() -> None:
    labels = ("cat", "dog")
    box = TruthBox(0, BOX, 100.0, crowd=False)
    assert truth_text(None, classes(), labels) == ""
    assert truth_text(1, classes(), labels) == "dog"
    assert truth_text(7, classes(), labels) == "7"
    assert truth_text(1, anomaly(0.0), ()) == "anomalous"
    assert truth_text(0, anomaly(0.0), ()) == "normal"
    assert truth_text((box,), objects(), labels) == "1 object"
    assert truth_text((), objects(), labels) == "0 objects"
    assert truth_text((1.5, 2.0), Regression(values={}), ()) == "1.5, 2"
