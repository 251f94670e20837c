"""The choice of ranges."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from edgeinfer_converters.quantize.activations import SILU
from edgeinfer_converters.quantize.affine import Affine, Form
from edgeinfer_converters.quantize.histogram import Histogram, histogram_of
from edgeinfer_converters.quantize.ranges import (
    CHOICES,
    TAIL,
    Method,
    _divergence,
    choose,
    least_squared_error,
    min_max,
    squared_errors,
)

PLAIN = Form("uint8", symmetric=False)
FORMS = [Form(dtype, symmetric) for dtype in ("int8", "uint8") for symmetric in (False, True)]


def error_of(affine: Affine, values: np.ndarray) -> float:
    return float(np.square(affine.dequantize(affine.quantize(values)).astype(np.float64) - values).sum())


def test_min_max_clips_nothing() -> None:
    values = np.array([-1, 0.5, 9], np.float32)
    affine = choose(histogram_of(values), PLAIN, "minmax")
    assert affine.scale == pytest.approx(10 / 255)
    assert affine == min_max(histogram_of(values), PLAIN)


@pytest.mark.parametrize("form", FORMS)
def test_an_outlier_is_clipped_where_that_pays(form: Form) -> None:
    rng = np.random.default_rng(0)
    values = np.concatenate([rng.normal(0, 1, 100_000), [40.0]]).astype(np.float32)
    histogram = histogram_of(values)
    chosen, plain = least_squared_error(histogram, form), min_max(histogram, form)
    assert chosen.scale < plain.scale
    assert error_of(chosen, values) < 0.9 * error_of(plain, values)


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("name", ["normal", "laplace", "relu", "uniform", "negative"])
def test_never_worse_than_min_max(form: Form, name: str) -> None:
    rng = np.random.default_rng(1)
    draws = {
        "normal": rng.normal(0.3, 1, 50_000),
        "laplace": rng.laplace(0, 2, 50_000),
        "relu": np.maximum(rng.normal(0, 1, 50_000), 0),
        "uniform": rng.uniform(-1, 3, 50_000),
        "negative": -np.abs(rng.normal(0, 1, 50_000)),
    }
    values = draws[name].astype(np.float32)
    histogram = histogram_of(values)
    chosen, plain = least_squared_error(histogram, form), min_max(histogram, form)
    assert error_of(chosen, values) <= error_of(plain, values) * 1.01


@settings(max_examples=40)
@given(
    values=hnp.arrays(np.float32, 50, elements=st.floats(min_value=-1e6, max_value=1e6, width=32)),
    form=st.sampled_from(FORMS),
    method=st.sampled_from(sorted(CHOICES)),
)
def test_any_values_give_a_usable_scale(values: np.ndarray, form: Form, method: Method) -> None:
    affine = choose(histogram_of(values), form, method)
    assert np.isfinite(affine.scale)
    assert affine.scale > 0
    assert form.low <= affine.zero_point <= form.high


@pytest.mark.parametrize("value", [0.0, 1.0, -3.5, 1e-30])
def test_constant_tensors(value: float) -> None:
    values = np.full(10, value, np.float32)
    affine = choose(histogram_of(values), PLAIN)
    assert affine.scale >= 2.0**-60
    np.testing.assert_allclose(
        affine.dequantize(affine.quantize(values)), values, atol=1e-2 * abs(value) + 1e-20
    )


def test_the_error_on_a_histogram_is_the_error_of_the_values() -> None:
    values = np.random.default_rng(2).normal(0, 1, 200_000).astype(np.float32)
    histogram = histogram_of(values)
    affine = Affine(0.02, 128, PLAIN)
    counted = squared_errors(histogram.centres(), histogram.counts.astype(np.float64), [affine])[0]
    assert counted == pytest.approx(error_of(affine, values), rel=0.05)


@pytest.mark.parametrize("form", [Form("uint8", False), Form("int8", False)])
def test_what_a_gate_closes_costs_no_levels(form: Form) -> None:
    rng = np.random.default_rng(0)
    values = np.concatenate([rng.uniform(-60, 0, 5000), rng.normal(0, 3, 5000)]).astype(np.float32)
    plain = choose(histogram_of(values), form, "mse")
    gated = choose(histogram_of(values), form, "mse", SILU)
    assert gated.scale < plain.scale / 2
    wanted = SILU.apply(values)
    errors = [
        np.square(SILU.apply(one.dequantize(one.quantize(values))) - wanted).mean() for one in (gated, plain)
    ]
    assert errors[0] < errors[1] / 4


def heavy_tailed(count: int = 200_000) -> np.ndarray:
    return np.random.default_rng(3).standard_t(3, count).astype(np.float32)


def test_percentile_cuts_off_the_tails_and_no_more() -> None:
    values = heavy_tailed()
    affine = choose(histogram_of(values), PLAIN, "percentile")
    low = (PLAIN.low - affine.zero_point) * affine.scale
    high = (PLAIN.high - affine.zero_point) * affine.scale
    width = 2.0 ** histogram_of(values).exponent + affine.scale
    for bound, wanted in ((low, np.quantile(values, TAIL)), (high, np.quantile(values, 1 - TAIL))):
        assert abs(bound - wanted) <= width


@pytest.mark.parametrize("form", FORMS)
def test_entropy_cuts_off_an_outlier_but_keeps_a_uniform_range(form: Form) -> None:
    outlier = np.append(np.random.default_rng(0).normal(0, 1, 100_000), 60.0).astype(np.float32)
    histogram = histogram_of(outlier)
    assert choose(histogram, form, "entropy").scale < 0.5 * min_max(histogram, form).scale
    uniform = histogram_of(np.linspace(-1, 1, 100_000, dtype=np.float32))
    kept = choose(uniform, form, "entropy").scale / min_max(uniform, form).scale
    assert kept > 0.9


def test_the_divergence_of_what_is_kept_whole_is_that_of_its_rounding() -> None:
    """By hand: four bins in two levels, none cut off."""
    histogram = Histogram(0, 0, np.array([3, 1, 2, 2]), 0.0, 4.0)
    affine = Affine(2.0, 0, Form("uint8", symmetric=False))
    found = _divergence(histogram.centres(), histogram.counts.astype(np.float64), affine)
    # Centres 0.5 | 1.5, 2.5 | 3.5 fall on the levels 0, 1 and 2: 3 | 1.5, 1.5 | 2 stand for 3 | 1, 2 | 2.
    assert found == pytest.approx((1 * np.log(1 / 1.5) + 2 * np.log(2 / 1.5)) / 8)


@given(
    values=hnp.arrays(np.float32, st.integers(50, 400), elements=st.floats(-30, 30, width=32)),
    weights=st.tuples(st.floats(1, 200), st.floats(1, 200)).map(sorted),
)
def test_the_more_clipping_counts_the_wider_a_symmetric_range(
    values: np.ndarray, weights: list[float]
) -> None:
    form, histogram = Form("int8", symmetric=True), histogram_of(values)
    narrow, wide = (choose(histogram, form, clip_weight=weight) for weight in weights)
    assert narrow.scale <= wide.scale * (1 + 1e-6)
    assert wide.scale <= min_max(histogram, form).scale * (1 + 1e-6)


@pytest.mark.parametrize("form", FORMS)
def test_what_counts_a_hundred_times_is_hardly_clipped(form: Form) -> None:
    rng = np.random.default_rng(3)
    values = np.concatenate([rng.normal(0, 1, 100_000), [12.0]]).astype(np.float32)
    histogram = histogram_of(values)
    plain, reluctant = (choose(histogram, form, clip_weight=weight) for weight in (1.0, 100.0))
    assert plain.bounds[1] < 10.5 < 11 < reluctant.bounds[1]
    assert choose(histogram, form, clip_weight=1.0) == choose(histogram, form)


def test_only_the_squared_error_of_what_is_clipped_counts_more() -> None:
    affine = Affine(1.0, 0, PLAIN)
    centres, counts = np.array([0.25, 300.0]), np.array([4.0, 2.0])
    plain, weighed = (squared_errors(centres, counts, [affine], clip_weight=weight) for weight in (1.0, 3.0))
    rounded, clipped = 4 * 0.25**2, 2 * 45.0**2
    assert plain == pytest.approx([rounded + clipped])
    assert weighed == pytest.approx([rounded + 3 * clipped])


@pytest.mark.parametrize("method", ["entropy", "minmax", "percentile"])
def test_other_rules_do_not_weigh_errors(method: Method) -> None:
    histogram = histogram_of(np.random.default_rng(4).normal(size=1000).astype(np.float32))
    assert choose(histogram, PLAIN, method, clip_weight=100.0) == choose(histogram, PLAIN, method)
