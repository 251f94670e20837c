"""The first screen."""

from __future__ import annotations

from edgeinfer.strict import replace
from edgeinfer_converters.judging.verify import Comparison
from edgeinfer_converters.report.glance import glance
from tests.fixtures.reports import FORECAST, estimated_report, full_report


def test_three_figures_and_the_next_step() -> None:
    text = " ".join(glance(full_report()).itertext())
    for part in (
        "83.1% → 82.3%",
        "0.74 points of top-1 lost",
        "6.5 × smaller",
        "edgeinfer install thing.eib",
    ):
        assert part in text, part


def test_without_labels_agreement_or_nearness_is_told() -> None:
    report = full_report()
    same = Comparison(samples=9, sqnr_db={"y": 30.0}, agreement=0.9)
    assert "90.0%" in " ".join(glance(replace(report, comparison=same)).itertext())
    near = Comparison(samples=9, sqnr_db={"y": 30.0})
    assert "30.0 dB" in " ".join(glance(replace(report, comparison=near)).itertext())


def test_no_warnings_no_box() -> None:
    assert "To be aware of" not in " ".join(glance(replace(full_report(), warnings=())).itertext())


def test_an_estimate_says_of_what_and_how_good_it_is() -> None:
    text = " ".join(glance(estimated_report()).itertext())
    for part in (
        "Speed, estimated",
        "2.8 × faster",
        "About 46 ms → 17 ms an inference on raspberry-pi-4, with tflite on 4 threads",
        "estimated from published figures, not measured.",
        "Such estimates were up to 1.14 times too high or too low.",
    ):
        assert part in text, part
    assert "measured here" not in text


def test_an_estimate_of_a_float_model_is_one_figure() -> None:
    same = replace(FORECAST, converted_ms=FORECAST.reference_ms, threads=1)
    text = " ".join(glance(replace(estimated_report(), forecast=same)).itertext())
    assert "about 46 ms" in text
    assert "About 46 ms an inference on raspberry-pi-4, with tflite on 1 thread:" in text
