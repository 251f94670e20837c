"""Least squares on ratios."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edgeinfer_converters.quantize.work import Work
from scripts.estimates.anchors import anchors
from scripts.estimates.fit import FORMS, chosen, fit, left_out, predict, spread, total, worst

ROWS = [{"a": 1.0, "b": 5.0}, {"a": 4.0, "b": 1.0}, {"a": 2.0, "b": 2.0}, {"a": 9.0, "b": 0.5}]
PRODUCT = Work("c", "Conv", "int8", macs=2_000_000_000, depthwise=True, moved_bytes=3_000_000_000)


@settings(max_examples=50, deadline=None)
@given(st.floats(1e-3, 1e3), st.floats(1e-3, 1e3))
def test_times_that_obey_the_law_give_it_back(a: float, b: float) -> None:
    times = [row["a"] * a + row["b"] * b for row in ROWS]
    found = fit(ROWS, times)
    assert [predict(row, found) for row in ROWS] == pytest.approx(times, rel=1e-4)
    assert worst([one / time for one, time in zip(left_out(ROWS, times), times, strict=True)]) < 1.01


def test_no_term_becomes_negative() -> None:
    found = fit(ROWS, [row["a"] * 2 - 0.1 * row["b"] for row in ROWS])
    assert found["b"] == pytest.approx(0, abs=1e-3)
    assert min(found.values()) >= 0


def test_ratios_count_not_milliseconds() -> None:
    """A hundred times the network with a hundred times the time says no more than the network itself."""
    small, large = {"a": 1.0}, {"a": 100.0}
    assert fit([small, large], [1.0, 400.0])["a"] == pytest.approx(2.0)


def test_the_fit_of_a_device_is_the_best_there_is() -> None:
    rng = np.random.default_rng(0)
    for those in anchors().values():
        rows, times = [total(one.work, chosen) for one in those], [one.published_ms for one in those]
        found = fit(rows, times)
        best = spread([predict(row, found) / time for row, time in zip(rows, times, strict=True)])
        for _ in range(200):
            other = {name: value * math.exp(rng.normal(0, 0.1)) for name, value in found.items()}
            ratios = [predict(row, other) / time for row, time in zip(rows, times, strict=True)]
            assert spread(ratios) >= best * (1 - 1e-9)


def test_the_same_rows_give_the_same_costs() -> None:
    assert fit(ROWS, [1.0, 2.0, 3.0, 4.0]) == fit(ROWS, [1.0, 2.0, 3.0, 4.0])


def test_what_nothing_is_known_of_has_no_time() -> None:
    assert math.isnan(predict({"a": 1.0, "c": 1.0}, {"a": 2.0}))
    assert predict({"a": 1.0, "c": 0.0}, {"a": 2.0}) == 2.0


def test_the_terms_of_an_operator() -> None:
    assert chosen(PRODUCT) == {"gigamacs int8": 2.0, "gigabytes": 3.0, "operators": 1.0}
    assert {name: form(PRODUCT) for name, form in FORMS.items() if name != "chosen"} == {
        "no overhead": {"gigamacs int8": 2.0, "gigabytes": 3.0},
        "no bytes": {"gigamacs int8": 2.0, "operators": 1.0},
        "depthwise apart": {"gigamacs depthwise": 2.0, "gigabytes": 3.0, "operators": 1.0},
        "products without bytes": {"gigamacs depthwise int8": 2.0},
        "bandwidths apart": {"gigamacs int8": 2.0, "gigabytes int8": 3.0, "operators": 1.0},
    }
    conversion = Work("q", "QuantizeLinear", "float32", macs=0, depthwise=False, moved_bytes=0)
    assert total([PRODUCT, PRODUCT, conversion], chosen)["operators"] == 2.0


def test_spread_and_worst_are_factors() -> None:
    assert worst([1.0, 0.5, 1.5]) == pytest.approx(2.0)
    assert spread([2.0, 0.5]) == pytest.approx(2.0)
