"""What mending makes up for."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import onnx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from onnx import helper

from edgeinfer_converters.graph.biases import add_biases
from edgeinfer_converters.prune import recovery as module
from edgeinfer_converters.prune.budget import Curve
from edgeinfer_converters.prune.elimination import Elimination
from edgeinfer_converters.prune.recovery import FEWEST, LEAST, MOST, TRIED, WORK_MACS, recovered
from tests.fixtures.graphs import conv, filters, graph_of, samples_of
from tests.fixtures.pruning import grouping_of

COUNT = 40


def chain(layers: int) -> onnx.ModelProto:
    """Convolutions of 8 channels with a Relu behind each, and one more."""
    nodes = []
    name, weights = "x", {}
    for place in range(layers):
        weights[f"w{place}"] = filters(8, 4 if place == 0 else 8, seed=place)
        nodes.append(conv(name, f"a{place}", f"w{place}"))
        nodes.append(helper.make_node("Relu", [f"a{place}"], [f"b{place}"], f"relu{place}"))
        name = f"b{place}"
    weights["v"] = filters(4, 8, seed=99)
    return add_biases(graph_of([*nodes, conv(name, "y", "v")], (1, 4, 8, 8), weights))


def measured(
    model: onnx.ModelProto, *, damage: float = 0.1, progress: Callable[[str], None] = lambda _: None
) -> dict[str, Curve]:
    """What mending leaves if the damage of the first channel is this."""
    grouping = grouping_of(model)
    curves = {one.name: Curve(damage * np.arange(one.channels + 1.0), 1) for one in grouping.groups}
    rankings = {
        one.name: Elimination(np.arange(one.channels), np.zeros(one.channels + 1)) for one in grouping.groups
    }
    found = recovered(
        model,
        grouping,
        rankings,
        curves,
        lambda: samples_of(model, COUNT),
        COUNT,
        samples_of(model, 8, seed=5),
        progress,
    )
    assert list(found) == list(curves)
    return dict(found)


def test_curves_never_fall() -> None:
    for curve in measured(chain(3)).values():
        assert curve.damages[0] == 0
        assert curve.least == 1
        assert (np.diff(curve.damages) >= 0).all()
        assert 0.1 * LEAST <= curve.damages[1] <= 0.1 * MOST


def test_what_mending_leaves_does_not_depend_on_what_was_said_before(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "LEAST", 0.0)
    monkeypatch.setattr(module, "MOST", 1e9)
    model = chain(2)
    once, again = measured(model, damage=0.1), measured(model, damage=0.7)
    for name, curve in once.items():
        at = module._counts(curve)
        np.testing.assert_allclose(curve.damages[at], again[name].damages[at], rtol=1e-6)


def test_a_copy_is_made_up_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "LEAST", 0.0)
    model = chain(2)
    (weights,) = [one for one in model.graph.initializer if one.name == "w1"]
    twin = onnx.numpy_helper.to_array(weights).copy()
    twin[1] = 2 * twin[0]
    weights.CopyFrom(onnx.numpy_helper.from_array(twin, "w1"))
    first, second = measured(model).values()
    assert second.damages[1] < 0.1 * first.damages[1]


def test_groups_in_between_are_not_tried(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "TRIED", 2)
    monkeypatch.setattr(module, "FEWEST", 2)
    told: list[str] = []
    found = measured(chain(4), progress=told.append)
    names = list(found)
    assert len(told) == 2
    assert names[0] in told[0]
    assert names[-1] in told[1]
    factors = np.log([found[name].damages[1] / 0.1 for name in names])
    np.testing.assert_allclose(np.diff(factors), (factors[-1] - factors[0]) / (len(names) - 1), atol=1e-9)


def test_groups_without_damage_tell_nothing() -> None:
    model = chain(2)
    assert [float(one.damages.sum()) for one in measured(model, damage=0.0).values()] == [0.0, 0.0]


@given(count=st.integers(1, 60), macs=st.integers(0, 10**10))
def test_those_that_are_tried_reach_from_the_first_to_the_last(count: int, macs: int) -> None:
    places = module._spread(count, macs)
    assert places[0] == 0
    assert places[-1] == count - 1
    assert list(places) == sorted(set(places))
    assert min(count, FEWEST) <= len(places) <= min(count, TRIED)
    assert len(places) == min(count, TRIED) or len(places) * macs <= max(WORK_MACS, FEWEST * macs)
