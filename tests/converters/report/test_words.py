"""What the first screen says, by what was found."""

from __future__ import annotations

import pytest

from edgeinfer.strict import replace
from edgeinfer_converters.emitting.choose import Decision
from edgeinfer_converters.judging.evaluate import Accuracy
from edgeinfer_converters.judging.verify import Comparison
from edgeinfer_converters.report import words
from edgeinfer_converters.report.facts import Report
from tests.fixtures.reports import full_report


def with_drop(drop: float | None, max_drop: float = 0.01) -> Report:
    reference = None if drop is None else 0.8
    accuracy = Accuracy(metric="top-1", samples=9, converted=0.8, reference=reference, drop=drop)
    comparison = Comparison(samples=9, sqnr_db={}, accuracy=accuracy)
    return replace(full_report(), comparison=comparison, max_drop=max_drop)


def without_labels(sqnr_db: float, agreement: float | None) -> Report:
    comparison = Comparison(samples=9, sqnr_db={"y": sqnr_db}, agreement=agreement)
    return replace(full_report(), comparison=comparison)


@pytest.mark.parametrize(
    ("report", "mood", "part"),
    [
        (with_drop(0.0), "good", "kept its accuracy"),
        (with_drop(-0.01), "good", "kept its accuracy"),
        (with_drop(0.005), "good", "0.5 points of top-1, within the limit"),
        (with_drop(0.09, max_drop=0.5), "poor", "9 points of top-1. The limit"),
        (with_drop(0.09), "poor", "more accuracy than the limit"),
        (with_drop(None), "good", "no other model to compare"),
        (without_labels(200.0, 1.0), "good", "exactly"),
        (without_labels(30.0, 0.995), "good", "answers as your model"),
        (without_labels(30.0, 0.9), "poor", "10.0% of the samples"),
        (without_labels(30.0, None), "unknown", "Without labelled data"),
    ],
)
def test_verdicts(report: Report, mood: str, part: str) -> None:
    found, sentence = words.verdict(report)
    assert found == mood
    assert part in sentence


@pytest.mark.parametrize("precision", ["float32", "float16", "int8", "mixed", "as-is"])
def test_every_precision_is_explained(precision: str) -> None:
    report = full_report()
    text = words.lead(replace(report, model=replace(report.model, precision=precision)))
    assert words.PRECISIONS[precision] in text
    assert "raspberry-pi-4" in text


@pytest.mark.parametrize(
    ("before", "after", "text"),
    [(10, 4, "2.5 × smaller"), (4, 10, "2.5 × larger"), (100, 99, "the same"), (0, 4, "not known")],
)
def test_times(before: float, after: float, text: str) -> None:
    assert words.times(before, after, "smaller", "larger") == text


def test_numbers_in_words() -> None:
    assert words.sqnr_text(200.0) == "equal to the last bit"
    assert words.sqnr_text(40.0) == "typically 0.01 of the values' size off"
    assert words.metric_text(0.8309, "top-1") == "83.1%"
    assert words.metric_text(1.0, "AUC") == "1.0000"
    assert words.amount_text(0.01, "top-1") == "1 point of top-1"
    assert words.amount_text(0.02, "top-1") == "2 points of top-1"
    assert words.amount_text(0.0123, "mAP50-95") == "0.0123 mAP50-95"


def test_which_way_metrics_point() -> None:
    assert words.higher_is_better("top-1")
    assert not words.higher_is_better("MAE / range")


def test_long_labels_are_cut() -> None:
    assert words.brief("cat") == "cat"
    cut = words.brief("white wolf, Arctic wolf, Canis lupus tundrarum")
    assert len(cut) <= words.LONGEST_LABEL
    assert cut.endswith("…")


def test_why_a_model_stayed_as_it_was() -> None:
    report = full_report()
    decision = Decision(what="passed over", choice="int8", reason="loses 0.09 mAP50-95")
    float32 = replace(
        report, model=replace(report.model, precision="float32"), decisions=(*report.decisions, decision)
    )
    assert words.lead(float32).endswith("were passed over: int8 loses 0.09 mAP50-95.")
    assert "passed over" not in words.lead(replace(float32, decisions=report.decisions))
