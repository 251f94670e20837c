"""Operators that work number by number."""

from __future__ import annotations

import numpy as np
import pytest
from onnx import defs, helper

from edgeinfer_converters.prune.elementwise import BINARY, UNARY
from tests.fixtures.graphs import conv, filters
from tests.fixtures.pruning import between, check_pruned, one, only, reason


def test_the_lists_name_operators_that_exist_and_none_twice() -> None:
    assert not UNARY & BINARY
    known = {schema.name for schema in defs.get_all_schemas()}
    assert known >= (UNARY | BINARY)


@pytest.mark.parametrize("kind", ["Relu", "Sigmoid", "Elu", "Identity", "LeakyRelu", "Dropout", "Clip"])
def test_channels_stay_where_they_are(kind: str) -> None:
    model = between([one(kind)])
    assert [(lane.tensor, lane.axis) for lane in only(model).tensors] == [("a", 1), ("b", 1)]
    check_pruned(model, {"conv_a": [1, 2]})


def test_two_results_freeze() -> None:
    model = between([one("Dropout", ["a"], ["b", "mask"]), one("Not", ["mask"], ["other"])])
    assert "more than one result" in reason(model)


def test_activations_that_meet_go_together() -> None:
    model = between([conv("x", "c", "u"), one("Add", ["a", "c"])], {"u": filters(seed=2)})
    group = only(model)
    assert [member.node for member in group.producers] == ["conv_a", "conv_c"]
    assert {lane.tensor for lane in group.tensors} == {"a", "b", "c"}
    check_pruned(model, {"conv_a": [0]})


@pytest.mark.parametrize("shape", [(4, 1, 1), (1, 4, 1, 1), (4, 8, 8), (1, 4, 1, 8)])
@pytest.mark.parametrize("kind", ["Add", "Mul", "Sub", "Div", "Max"])
def test_constants_with_a_number_a_channel_are_carried(kind: str, shape: tuple[int, ...]) -> None:
    factors = np.random.default_rng(0).uniform(1, 2, shape)
    model = between([one(kind, ["a", "k"])], {"k": factors})
    (carrier,) = only(model).carried
    assert (carrier.node, carrier.activation.tensor) == (f"{kind.lower()}_b", "b")
    assert (carrier.weights.tensor, carrier.weights.axis) == ("k", shape.index(4))
    check_pruned(model, {"conv_a": [3, 1]})


@pytest.mark.parametrize("shape", [(), (1,), (8,), (8, 8), (1, 1, 8, 8), (1, 1, 1, 1)])
def test_constants_that_are_the_same_for_all_channels_stay(shape: tuple[int, ...]) -> None:
    model = between([one("Mul", ["a", "k"])], {"k": np.full(shape, 0.5)})
    assert not only(model).carried
    check_pruned(model, {"conv_a": [3, 1]})


def test_a_prelu_carries_its_slopes() -> None:
    model = between([one("PRelu", ["a", "k"])], {"k": np.arange(4.0).reshape(4, 1, 1)})
    assert only(model).carried[0].weights.axis == 0
    check_pruned(model, {"conv_a": [0, 3]})


def test_where_takes_a_choice_for_each_channel() -> None:
    choice = np.array([True, False, True, False]).reshape(4, 1, 1)
    model = between([one("Where", ["choice", "a", "k"])], {"choice": choice, "k": np.ones((4, 1, 1))})
    assert {lane.tensor for lane in only(model).carried[0].constants} == {"choice", "k"}
    check_pruned(model, {"conv_a": [0, 1]})


def test_a_gate_for_each_channel_goes_with_it() -> None:
    nodes = [
        one("GlobalAveragePool", ["a"], ["p"]),
        helper.make_node("Conv", ["p", "u"], ["q"], "squeeze"),
        helper.make_node("Conv", ["q", "t"], ["r"], "excite"),
        one("Sigmoid", ["r"], ["s"]),
        one("Mul", ["a", "s"]),
    ]
    model = between(nodes, {"u": filters(2, 4, 1), "t": filters(4, 2, 1)})
    group = only(model)
    assert [member.node for member in group.producers] == ["conv_a", "excite"]
    assert [member.node for member in group.consumers] == ["squeeze", "conv_y"]
    check_pruned(model, {"conv_a": [0, 3], "squeeze": [1]})


def test_a_plane_that_is_spread_stays_and_the_channels_may_go() -> None:
    plane = helper.make_node("Conv", ["a", "u"], ["p"], "plane")
    model = between([plane, one("Mul", ["a", "p"])], {"u": filters(1, 4, 1)})
    assert only(model).channels == 4
    assert reason(model, "p") == "Mul `mul_b`: it is spread over other channels"
    check_pruned(model, {"conv_a": [2]})


def test_a_plane_that_is_spread_over_the_input_stays() -> None:
    plane = helper.make_node("Conv", ["a", "u"], ["p"], "plane")
    model = between([plane, one("Mul", ["x", "p"])], {"u": filters(1, 4, 1)})
    assert "it spreads single channels" in reason(model, "p")
    assert only(model).channels == 4


def test_channels_that_meet_the_input_are_frozen() -> None:
    model = between([one("Add", ["a", "x"])])
    assert reason(model) == "Add `add_b`: it meets `x`, whose channels are fixed"


def test_a_plane_of_the_input_may_meet_them() -> None:
    nodes = [one("ReduceMean", ["x"], ["plane"], axes=[1]), one("Mul", ["a", "plane"])]
    assert only(between(nodes)).channels == 4


def test_channels_on_different_axes_are_frozen() -> None:
    model = between(
        [
            one("Resize", ["a", "", "half"], ["e"], mode="nearest"),
            one("Transpose", ["e"], ["d"], perm=[0, 2, 1, 3]),
            one("Add", ["e", "d"]),
        ],
        {"half": np.array([1.0, 1, 0.5, 0.5])},
    )
    assert "the channels of its inputs lie on different axes" in reason(model)


def test_a_part_that_is_fixed_freezes_what_meets_it() -> None:
    nodes = [
        helper.make_node("Conv", ["x", "u"], ["c"], "wide"),
        one("Concat", ["a", "x"], ["d"], axis=1),
        one("Add", ["c", "d"]),
    ]
    model = between(nodes, {"u": filters(8, 4, 1)}, last=8)
    assert reason(model, "c") == "Add `add_b`: it meets channels that are fixed"
    assert reason(model, "a") == reason(model, "c")
