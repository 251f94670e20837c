"""The summary for a terminal."""

from __future__ import annotations

import pytest

from edgeinfer.strict import replace
from edgeinfer_converters.emitting.choose import Decision
from edgeinfer_converters.judging.evaluate import Accuracy
from edgeinfer_converters.judging.measure import Timing
from edgeinfer_converters.judging.verify import Comparison
from edgeinfer_converters.report import (
    BundleFacts,
    IntegerFacts,
    ModelFacts,
    Report,
    summary,
)
from edgeinfer_converters.report.text import about_ms, estimate_text
from tests.fixtures.reports import FORECAST, estimated_report

REPORT = Report(
    schema=1,
    bundle=BundleFacts(path="person.eib", size_bytes=412_345, sha256="0" * 64),
    model=ModelFacts(
        name="person",
        version="1.0.0",
        task="classification",
        format="onnx",
        precision="int8",
        size_bytes=286_900,
        source_size_bytes=1_851_412,
    ),
    profile="raspberry-pi-4",
    decisions=(Decision(what="precision", choice="int8", reason="fast integer kernels " * 6),),
    data="of the evaluation data",
    comparison=Comparison(
        samples=136,
        sqnr_db={"a": 30.0, "b": 21.6},
        agreement=0.992647,
        accuracy=Accuracy(metric="top-1", samples=136, converted=0.8235, reference=0.8309, drop=0.0074),
    ),
    max_drop=0.01,
    warnings=("something to know",),
    golden_samples=1,
    timing=Timing(reference_ms=10.0, converted_ms=4.0, slower=False, rounds=40, threads=2),
    next_step="edgeinfer bench person.eib",
)


def test_the_summary_says_everything_in_80_columns() -> None:
    text = summary(REPORT)
    assert max(map(len, text.splitlines())) <= 80
    for part in (
        "person 1.0.0 for raspberry-pi-4: int8 onnx",
        "top-1 0.8309 -> 0.8235 on 136 samples (0.0074 worse",
        "SQNR 21.6 dB (worst output)",
        "same top class 99.3%",
        "10 ms -> 4 ms measured here (2.50 times as",
        "model 1.85 MB -> 286.9 kB, bundle 412.3 kB",
        "warning something to know",
        "written: person.eib",
        "next: edgeinfer bench person.eib",
    ):
        assert part in " ".join(text.split()), part


@pytest.mark.parametrize(("drop", "text"), [(-0.02, "0.0200 better"), (0.0, "no drop")])
def test_a_drop_in_words(drop: float, text: str) -> None:
    accuracy = Accuracy(metric="AUC", samples=9, converted=0.8, reference=0.8 + drop, drop=drop)
    assert text in summary(replace(REPORT, comparison=replace(REPORT.comparison, accuracy=accuracy)))


@pytest.mark.parametrize(
    ("integer", "text"),
    [
        (IntegerFacts(macs=2000, integer_macs=2000, float_nodes=()), "100.0% of 2,000 multiply-accumulates "),
        (
            IntegerFacts(macs=1000, integer_macs=875, float_nodes=("a", "b")),
            "87.5% of 1,000 multiply-accumulates; in float: a, b ",
        ),
        (IntegerFacts(macs=8, integer_macs=2, float_nodes=tuple("abcd")), "in float: a, b, c, … "),
        (IntegerFacts(macs=0, integer_macs=0, float_nodes=()), "100.0% of 0 "),
    ],
)
def test_the_integer_share(integer: IntegerFacts, text: str) -> None:
    assert text in " ".join(summary(replace(REPORT, integer=integer)).split())
    assert "multiply-accumulates" not in summary(REPORT)


def test_a_bundle_of_the_development_key_says_what_the_device_needs() -> None:
    path = "/home/someone/.config/edgeinfer/trust.d/development.pub.pem"
    lines = summary(replace(REPORT, development_key=path)).splitlines()
    (first,) = (number for number, line in enumerate(lines) if "development key" in line)
    assert "trust.d" in lines[first]
    assert "--key" in lines[first]
    assert lines[first + 1].strip() == path
    assert max(map(len, lines)) <= 80
    assert "development key" not in summary(REPORT)


def test_what_is_not_known_is_said() -> None:
    bare = replace(
        REPORT,
        comparison=Comparison(samples=4, sqnr_db={"y": 200.0}),
        timing=None,
        timing_note="neither measured nor estimated",
    )
    text = summary(bare)
    assert "not measured: no labelled data (--evaluate)" in text
    assert "equal to the last bit" in " ".join(text.split())
    assert "speed        neither measured nor estimated" in text


def test_a_model_that_was_not_converted() -> None:
    accuracy = Accuracy(metric="mAP50-95", samples=64, converted=0.2302)
    as_is = replace(REPORT, comparison=Comparison(samples=64, sqnr_db={}, accuracy=accuracy), timing=None)
    text = summary(as_is)
    assert "mAP50-95 0.2302 on 64 samples" in text
    assert "compared" not in text
    assert "speed" not in text


def test_an_estimate_is_told_apart_from_a_measurement() -> None:
    lines = summary(estimated_report()).splitlines()
    text = " ".join(" ".join(lines).split())
    assert (
        "speed about 17 ms on raspberry-pi-4 (estimated, from published figures; tflite, 4 threads), "
        "float 46 ms; such estimates were up to 1.14 times too high or too low" in text
    )
    assert "float16: about 120 ms, estimated in the same way" in text
    assert "measured here" not in text
    assert max(map(len, lines)) <= 80


def test_a_float_model_is_not_compared_with_itself() -> None:
    same = replace(FORECAST, converted_ms=46.2)
    assert estimate_text(same, "a-pi") == (
        "about 46 ms on a-pi (estimated, from published figures; tflite, 4 threads)"
    )


def test_an_estimate_beyond_what_was_published_says_so() -> None:
    report = replace(estimated_report(), forecast=replace(FORECAST, size="smaller"))
    text = " ".join(summary(report).split())
    assert "too low, and this model is smaller than any whose time is published" in text
    assert "than any whose time is published" not in " ".join(summary(estimated_report()).split())


@pytest.mark.parametrize(
    ("ms", "text"),
    [(0.012345, "0.012 ms"), (4.0, "4 ms"), (16.84, "17 ms"), (99.6, "100 ms"), (1234.5, "1200 ms")],
)
def test_two_digits_and_no_exponent(ms: float, text: str) -> None:
    assert about_ms(ms) == text
