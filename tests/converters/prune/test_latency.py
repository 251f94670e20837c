"""The time of a network with fewer channels, as it is estimated."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edgeinfer.profile import Cost, load_profile
from edgeinfer.strict import replace
from edgeinfer_converters.graph.view import GraphView
from edgeinfer_converters.judging.estimate import Estimator
from edgeinfer_converters.prune.cost import macs_cost
from edgeinfer_converters.prune.latency import latency_cost
from edgeinfer_converters.prune.surgery import keep_channels
from tests.fixtures.branches import KINDS
from tests.fixtures.pruning import branches, grouping_of

FLOAT, INT8 = (one for one in load_profile("raspberry-pi-4").cost if one.runtime == "tflite")
ESTIMATOR = Estimator({"float32": FLOAT, "int8": INT8})
TINY_MS = 1e-4


def limited(rates: Cost, **changes: float) -> Cost:
    """The same, with rates so high that they do not matter but for those that are named."""
    free = {"gigamacs_per_s": 1e6, "gigabytes_per_s": 1e6, "operator_us": 0.0}
    return replace(rates, **(free | changes))


@settings(max_examples=40)
@given(kinds=st.lists(st.sampled_from(KINDS), max_size=5), seed=st.integers(0, 1000))
def test_all_channels_take_what_the_estimate_says(kinds: list[str], seed: int) -> None:
    model = branches("conv", *kinds, tail="pooled", seed=seed)
    view, grouping = GraphView(model), grouping_of(model)
    assert latency_cost(FLOAT, view, grouping)({}) == pytest.approx(ESTIMATOR.latency_ms(view.model))


@settings(max_examples=40)
@given(seed=st.integers(0, 1000), kinds=st.lists(st.sampled_from(("conv", "relu", "depthwise")), max_size=4))
def test_fewer_channels_take_what_the_estimate_says_of_the_smaller_graph(seed: int, kinds: list[str]) -> None:
    model = branches("conv", *[one for one in kinds if one in KINDS], tail="pooled", seed=seed)
    view, grouping = GraphView(model), grouping_of(model)
    rng = np.random.default_rng(seed)
    kept = {one.name: list(range(int(rng.integers(1, one.channels + 1)))) for one in grouping.groups}
    smaller = keep_channels(view.model, grouping, kept)
    found = latency_cost(FLOAT, view, grouping)({name: len(one) for name, one in kept.items()})
    assert found == pytest.approx(ESTIMATOR.latency_ms(smaller), rel=0.02, abs=TINY_MS)


def test_only_what_is_computed_or_moved_becomes_less() -> None:
    model = branches("conv", "relu", "conv", tail="pooled")
    view, grouping = GraphView(model), grouping_of(model)
    half = {one.name: one.channels // 2 for one in grouping.groups}
    overhead = latency_cost(limited(FLOAT, operator_us=50.0), view, grouping)
    assert overhead(half) == pytest.approx(overhead({}), rel=1e-3)
    computed = latency_cost(limited(FLOAT, gigamacs_per_s=1.0), view, grouping)
    work = macs_cost(view, grouping)
    assert computed(half) / computed({}) == pytest.approx(work(half) / work({}), rel=1e-2)
    moved = latency_cost(limited(FLOAT, gigabytes_per_s=1.0), view, grouping)
    assert 0.25 < moved(half) / moved({}) < 1


def test_integers_are_a_quarter_of_the_bytes() -> None:
    model = branches("conv", "relu", "conv", tail="pooled")
    view, grouping = GraphView(model), grouping_of(model)
    floats = latency_cost(limited(FLOAT, gigabytes_per_s=1.0), view, grouping)({})
    integers = latency_cost(limited(INT8, gigabytes_per_s=1.0), view, grouping)({})
    assert integers == pytest.approx(floats / 4, rel=1e-3)
