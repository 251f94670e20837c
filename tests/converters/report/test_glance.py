"""The first screen."""

from __future__ import annotations

from edgeinfer.strict import replace
from edgeinfer_converters.report.glance import glance
from edgeinfer_converters.verify import Comparison
from tests.fixtures.reports import full_report


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
