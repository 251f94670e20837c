"""A choice of channels, seen from tensors and from what it costs."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgeinfer.errors import ModelError
from edgeinfer_converters.graph.macs import count_macs
from edgeinfer_converters.graph.shapes import known_shapes
from edgeinfer_converters.graph.view import GraphView
from edgeinfer_converters.prune.selection import macs_of, select
from edgeinfer_converters.prune.surgery import keep_channels
from tests.fixtures.branches import KINDS, TAILS
from tests.fixtures.pruning import between, branches, chosen, grouping_of, one


def test_masks_say_what_stays_of_each_tensor_that_loses_something() -> None:
    model = between([one("Relu")])
    selection = select(GraphView(model), grouping_of(model), {"conv_a": [3, 0]})
    assert selection.activations.keys() == {"a", "b"}
    axis, mask = selection.activations["b"]
    assert axis == 1
    assert mask.tolist() == [True, False, False, True]
    assert selection.constants.keys() == {("conv_a", "w"), ("conv_y", "v")}
    assert list(selection.constants["conv_a", "w"]) == [0]
    assert list(selection.constants["conv_y", "v"]) == [1]


def test_groups_that_keep_all_change_nothing() -> None:
    model = between([one("Relu")])
    selection = select(GraphView(model), grouping_of(model), {"conv_a": [0, 1, 2, 3]})
    assert not selection.activations
    assert not selection.constants
    assert selection.shapes(GraphView(model)) == GraphView(model).shapes


def test_two_groups_on_one_axis_both_leave_their_marks() -> None:
    model = branches("conv", "dense", tail="pooled", seed=4)
    concat = branches("conv", "pointwise", "concat", "conv", tail="pooled", seed=4)
    grouping = grouping_of(concat)
    joined = next(node.output[0] for node in concat.graph.node if node.op_type == "Concat")
    groups = [group for group in grouping.groups if any(lane.tensor == joined for lane in group.tensors)]
    kept = {group.name: [0] for group in groups}
    _, mask = select(GraphView(concat), grouping, kept).activations[joined]
    lanes = [lane for group in groups for lane in group.tensors if lane.tensor == joined]
    fixed = len(mask) - sum(len(lane.positions) for lane in lanes)
    assert mask.sum() == fixed + sum(int((lane.channels == 0).sum()) for lane in lanes)
    assert model.graph.node[0].name in {group.name for group in grouping_of(model).groups}


@given(
    kinds=st.lists(st.sampled_from(KINDS), max_size=6),
    tail=st.sampled_from(TAILS),
    seed=st.integers(0, 999),
)
def test_shapes_and_costs_are_those_of_the_smaller_model(kinds: list[str], tail: str, seed: int) -> None:
    model = branches("conv", *kinds, tail=tail, seed=seed)
    view, grouping = GraphView(model), grouping_of(model)
    kept = chosen(grouping, seed)
    smaller = keep_channels(model, grouping, kept)
    shapes, wanted = known_shapes(smaller), select(view, grouping, kept).shapes(view)
    for node in model.graph.node:
        assert shapes[node.output[0]] == wanted[node.output[0]]
    assert macs_of(view, grouping, kept) == sum(count_macs(smaller).values())
    assert macs_of(view, grouping, {}) == sum(count_macs(model).values())


def test_fewer_channels_cost_less() -> None:
    model = between([one("Relu")])
    view, grouping = GraphView(model), grouping_of(model)
    costs = [macs_of(view, grouping, {"conv_a": range(count)}) for count in (1, 2, 3, 4)]
    assert np.diff(costs).min() > 0
    assert costs[3] == 2 * costs[1]


@pytest.mark.parametrize("channels", [[4], [-1], [0, 99]])
def test_channels_that_are_not_there_are_refused(channels: list[int]) -> None:
    model = between([one("Relu")])
    with pytest.raises(ModelError, match="has the channels 0 to 3") as caught:
        select(GraphView(model), grouping_of(model), {"conv_a": channels})
    assert caught.value.hint


def test_products_that_lead_no_group_are_refused() -> None:
    model = between([one("Relu")])
    with pytest.raises(ModelError, match="no channels of `conv_y` can be removed"):
        select(GraphView(model), grouping_of(model), {"conv_y": [0]})


def test_a_tensor_that_would_be_empty_is_named() -> None:
    model = between([one("Relu")])
    with pytest.raises(ModelError, match="`a`, the result of `conv_a`") as caught:
        macs_of(GraphView(model), grouping_of(model), {"conv_a": []})
    assert "keep at least one" in caught.value.hint
