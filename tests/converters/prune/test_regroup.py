"""Axes that are merged and split: the elements of a channel stay its own."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgeinfer_converters.graph.view import GraphView
from edgeinfer_converters.prune.flow import FIXED, Flow, Stretch
from edgeinfer_converters.prune.regroup import regroup
from tests.fixtures.pruning import between, one

Shape = tuple[int, ...]


def new_flow() -> Flow:
    return Flow(GraphView(between([one("Relu")])))


@pytest.mark.parametrize(
    ("before", "axis", "after", "wanted"),
    [
        ((1, 3, 2, 2), 1, (1, 3, 4), (1, [0, 1, 2])),
        ((1, 3, 2, 2), 1, (3, 4), (0, [0, 1, 2])),
        ((1, 3, 2, 2), 1, (1, 12), (1, [0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2])),
        ((1, 2, 2, 3), 3, (12,), (0, [0, 1, 2] * 4)),
        ((1, 2, 3), 2, (1, 1, 2, 3, 1), (3, [0, 1, 2])),
        ((6, 1), 0, (2, 3), (1, [0, 1, 2])),
        ((6, 1), 0, (3, 2), (0, [0, 2, 4])),
        ((4,), 0, (2, 2), (1, [0, 1])),
        ((2, 4, 3), 1, (8, 3), (0, [0, 1, 2, 3, 0, 1, 2, 3])),
    ],
)
def test_where_channels_come_to_lie(
    before: Shape, axis: int, after: Shape, wanted: tuple[int, list[int]]
) -> None:
    flow = new_flow()
    ids = flow.classes.new(before[axis])
    found, numbers = regroup(Stretch("a", axis, ids), before, after, flow, "r")
    assert (found, flow.roots(numbers).tolist()) == wanted
    assert not flow.frozen


def test_what_is_tied_already_decides_which_axis_is_split() -> None:
    """By itself (3, 2) would leave three; but the channels of each pair are tied across."""
    flow = new_flow()
    ids = flow.classes.new(6)
    flow.tie(ids.reshape(3, 2), "")
    axis, numbers = regroup(Stretch("a", 0, ids), (6,), (3, 2), flow, "r")
    assert (axis, flow.roots(numbers).tolist()) == (1, [0, 1])


def test_a_fixed_channel_freezes_those_that_it_would_be_tied_to() -> None:
    flow = new_flow()
    ids = flow.classes.new(6)
    ids[0] = FIXED
    regroup(Stretch("a", 0, ids), (6,), (2, 3), flow, "Reshape `r`")
    assert flow.frozen == {3: "Reshape `r`: it splits channels that are fixed"}


@st.composite
def reshapes(draw: st.DrawFn) -> tuple[Shape, int, Shape]:
    before = tuple(draw(st.lists(st.sampled_from([1, 2, 3, 4, 6]), min_size=1, max_size=4)))
    left = math.prod(before)
    after: list[int] = []
    while len(after) < 4 and left > 1:
        after.append(draw(st.sampled_from([one for one in range(1, left + 1) if left % one == 0])))
        left //= after[-1]
    return before, draw(st.integers(0, len(before) - 1)), (*after, left)


@given(reshapes())
def test_every_element_stays_with_its_channel_or_one_tied_to_it(case: tuple[Shape, int, Shape]) -> None:
    before, axis, after = case
    flow = new_flow()
    ids = flow.classes.new(before[axis])
    found, numbers = regroup(Stretch("a", axis, ids), before, after, flow, "r")
    assert numbers.shape == (after[found],)

    def everywhere(column: np.ndarray, shape: Shape, place: int) -> np.ndarray:
        sides = [-1 if one == place else 1 for one in range(len(shape))]
        return np.broadcast_to(flow.roots(column).reshape(sides), shape).ravel()

    np.testing.assert_array_equal(everywhere(ids, before, axis), everywhere(numbers, after, found))
