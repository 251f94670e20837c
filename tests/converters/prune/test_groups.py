"""Which channels go together."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from onnx import helper

from edgeinfer_converters.graph.view import GraphView
from edgeinfer_converters.prune.groups import Grouping, Member, find_groups
from tests.fixtures.branches import KINDS, TAILS
from tests.fixtures.graphs import GRAPHS, conv, filters
from tests.fixtures.pruning import between, branches, grouping_of, one, only, reason


def summary(grouping: Grouping) -> dict[str, tuple[int, list[str], list[str], list[str]]]:
    """Channels, producers, consumers and carriers, by group."""

    def names(members: tuple[Member, ...]) -> list[str]:
        return [member.node for member in members]

    return {
        group.name: (group.channels, names(group.producers), names(group.consumers), names(group.carried))
        for group in grouping.groups
    }


def test_a_residual_stream_is_one_group() -> None:
    nodes = [one("Relu", ["a"], ["r"]), conv("r", "c", "u"), one("Add", ["c", "r"])]
    found = summary(grouping_of(between(nodes, {"u": filters(seed=1)})))
    assert found == {"conv_a": (4, ["conv_a", "conv_c"], ["conv_c", "conv_y"], [])}


def test_weights_that_two_layers_read_freeze_both() -> None:
    assert not grouping_of(GRAPHS["residual"]()).groups
    assert "shared" in reason(GRAPHS["residual"]())


def test_a_bottleneck_has_an_inner_and_an_outer_group() -> None:
    found = summary(grouping_of(GRAPHS["bottlenecks"]()))
    assert found["first"] == (8, ["first", "project1", "project2"], ["expand1", "expand2", "last"], [])
    assert found["expand1"] == (16, ["expand1"], ["project1"], [])
    assert found["stem"] == (24, ["stem"], ["first"], [])


def test_a_depthwise_convolution_goes_with_what_it_reads() -> None:
    assert summary(grouping_of(GRAPHS["classifier"]())) == {"conv1": (8, ["conv1"], ["linear"], ["conv2"])}


def test_what_is_concatenated_stays_two_groups() -> None:
    nodes = [
        conv("x", "b1", "u"),
        one("Concat", ["a", "b1"], ["c"], axis=1),
        helper.make_node("Conv", ["c", "t"], ["d"], "conv_d"),
        helper.make_node("Conv", ["b1", "s"], ["e"], "conv_e"),
        one("Add", ["d", "e"]),
    ]
    found = summary(
        grouping_of(between(nodes, {"u": filters(), "t": filters(4, 8, 1), "s": filters(4, 4, 1)}))
    )
    assert found["conv_a"] == (4, ["conv_a"], ["conv_d"], [])
    assert found["conv_b1"] == (4, ["conv_b1"], ["conv_d", "conv_e"], [])
    assert found["conv_d"] == (4, ["conv_d", "conv_e"], ["conv_y"], [])


def test_a_sum_with_a_concatenation_makes_one_group_of_all() -> None:
    nodes = [
        conv("x", "c", "u"),
        one("Concat", ["a", "c"], ["d"], axis=1),
        helper.make_node("Conv", ["x", "t"], ["e"], "wide"),
        one("Add", ["d", "e"]),
    ]
    model = between(nodes, {"u": filters(), "t": filters(8, 4, 1)}, last=8)
    group = only(model)
    assert group.channels == 8
    assert [member.activation.channels.tolist() for member in group.producers] == [
        [0, 1, 2, 3],
        [4, 5, 6, 7],
        list(range(8)),
    ]
    assert [one.tolist() for one in group.required] == [[0, 1, 2, 3], [4, 5, 6, 7]]


def test_groups_are_found_by_name() -> None:
    grouping = grouping_of(between([one("Relu")]))
    assert grouping["conv_a"] is grouping.groups[0]
    with pytest.raises(KeyError):
        grouping["conv_y"]


def test_the_weights_of_a_member_are_the_first_of_its_constants() -> None:
    model = between([one("Conv", ["a", "u", "bias"])], {"u": filters(), "bias": np.ones(4)})
    member = grouping_of(model)["conv_b"].producers[0]
    assert member.weights is member.constants[0]
    assert [lane.tensor for lane in member.constants] == ["u", "bias"]


def test_outputs_stay_and_say_so() -> None:
    model = between([one("Relu")])
    assert reason(model, "y") == "it is an output of the graph"
    model.graph.output.append(helper.make_tensor_value_info("b", 1, (1, 4, 8, 8)))
    assert dict(grouping_of(model).frozen) == dict.fromkeys("ay", "it is an output of the graph")


def test_one_frozen_channel_freezes_its_group_and_no_other() -> None:
    nodes = [
        one("Split", ["a"], ["c", "d"], axis=1),
        one("Add", ["d", "e"], ["f"]),
        one("Concat", ["c", "f"], axis=1),
    ]
    nodes.insert(1, one("Slice", ["x", "zero", "two", "axis"], ["e"]))
    nodes += [
        helper.make_node("Conv", ["x", "u"], ["other"], "other"),
        helper.make_node("Conv", ["other", "u2"], ["o2"], "end"),
    ]
    constants = {"zero": np.array([0]), "two": np.array([2]), "axis": np.array([1])}
    model = between(nodes, {"u": filters(4, 4, 1), "u2": filters(4, 4, 1), **constants})
    found = grouping_of(model)
    assert dict(found.frozen)["a"].startswith("Add `add_f`: it meets `e`")
    assert "conv_a" not in summary(found)
    assert "other" in summary(found)


def test_frozen_products_come_in_the_order_of_the_graph() -> None:
    nodes = [one("LRN", ["a"], ["c"], size=3), one("Conv", ["c", "u"], ["d"]), one("LRN", ["d"], size=3)]
    assert [name for name, _ in grouping_of(between(nodes, {"u": filters(4, 4, 1)})).frozen] == [
        "a",
        "d",
        "y",
    ]


def test_the_same_graph_gives_the_same_groups() -> None:
    model = branches("conv", "excite", "shuffle", "dense", "split", tail="flat", seed=3)
    first, second = (find_groups(GraphView(model)) for _ in range(2))
    assert summary(first) == summary(second)
    assert first.frozen == second.frozen


@given(
    kinds=st.lists(st.sampled_from(KINDS), max_size=8), tail=st.sampled_from(TAILS), seed=st.integers(0, 999)
)
def test_what_a_grouping_says_holds_together(kinds: list[str], tail: str, seed: int) -> None:
    model = branches("conv", *kinds, tail=tail, seed=seed)
    view = GraphView(model)
    grouping = find_groups(view)
    taken: set[tuple[str, int]] = set()
    made = [member.activation.tensor for group in grouping.groups for member in group.producers]
    assert not set(made) & {name for name, _ in grouping.frozen}
    for group in grouping.groups:
        assert group.name == group.producers[0].node
        assert group.channels > 1
        reached = np.concatenate([member.activation.channels for member in group.producers])
        assert sorted(set(reached.tolist())) == list(range(group.channels))
        constants = [
            lane
            for role in (group.producers, group.consumers, group.carried)
            for m in role
            for lane in m.constants
        ]
        for lane in (*group.tensors, *constants):
            size = view.shapes[lane.tensor][lane.axis]
            assert len(lane.positions) == len(lane.channels) > 0
            assert (np.diff(lane.positions) > 0).all()
            assert lane.positions[0] >= 0
            assert lane.positions[-1] < size
            assert lane.channels.min() >= 0
            assert lane.channels.max() < group.channels
        for lane in group.tensors:
            assert lane.tensor not in view.outputs
            assert lane.tensor not in view.inputs
            places = {(lane.tensor, position) for position in lane.positions.tolist()}
            assert not places & taken
            taken |= places


def test_channels_whose_shape_is_not_known_are_frozen() -> None:
    model = between([one("Relu", ["a"], ["c"]), one("Relu", ["c"])])
    kept = [value for value in model.graph.value_info if value.name != "c"]
    del model.graph.value_info[:]
    model.graph.value_info.extend(kept)
    assert reason(model) == "the shape of `c` is not known"
