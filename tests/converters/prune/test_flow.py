"""What is known of channels while the nodes are followed."""

from __future__ import annotations

import numpy as np
import pytest
from onnx import TensorProto, helper

from edgeinfer_converters.graph.view import GraphView
from edgeinfer_converters.prune.flow import FIXED, Flow, Role
from tests.fixtures.pruning import between, one, reason


@pytest.fixture
def flow() -> Flow:
    return Flow(GraphView(between([one("Relu")])))


def test_a_tensor_without_channels_that_could_go_is_not_remembered(flow: Flow) -> None:
    flow.put("a", 1, np.full(4, FIXED))
    flow.put("", 1, flow.classes.new(4))
    assert flow.at("a") is None
    assert flow.at("") is None
    put = flow.put("a", 1, np.array([FIXED, 0, 1, FIXED]))
    assert flow.at("a") is put


def test_shapes_are_known_or_not_at_all(flow: Flow) -> None:
    assert flow.shape("a") == (1, 4, 8, 8)
    assert flow.shape("nothing") is None
    open_model = between([one("Relu")])
    for value in open_model.graph.value_info:
        value.type.tensor_type.shape.dim[2].Clear()
    assert Flow(GraphView(open_model)).shape("a") is None


def test_constants_are_initializers(flow: Flow) -> None:
    assert flow.is_constant("w")
    assert not flow.is_constant("x")


@pytest.mark.parametrize(("name", "size"), [("nothing", 4), ("a", 3)])
def test_channels_of_a_shape_that_is_not_theirs_are_frozen(flow: Flow, name: str, size: int) -> None:
    flow.put(name, 1, flow.classes.new(size))
    assert flow.at(name) is None
    assert flow.frozen == dict.fromkeys(range(size), f"the shape of `{name}` is not known")


def test_channels_that_are_united_have_one_root(flow: Flow) -> None:
    one, other = flow.classes.new(3), flow.classes.new(3)
    flow.unite(one, other[::-1], "")
    assert flow.roots(other).tolist() == [2, 1, 0]
    assert not flow.frozen


def test_what_meets_a_fixed_channel_is_frozen(flow: Flow) -> None:
    ids = flow.classes.new(3)
    flow.unite(ids, np.array([FIXED, FIXED, 1]), "why")
    flow.unite(np.array([FIXED]), np.array([FIXED]), "both")
    assert flow.frozen == {0: "why", 1: "why"}


def test_columns_are_tied(flow: Flow) -> None:
    rows = flow.classes.new(6).reshape(2, 3)
    flow.tie(rows, "why")
    assert flow.roots(rows.ravel()).tolist() == [0, 1, 2, 0, 1, 2]


def test_fixed_has_itself_for_a_root(flow: Flow) -> None:
    assert flow.roots(np.array([FIXED, flow.classes.new(1)[0]])).tolist() == [FIXED, 0]


def test_the_first_reason_counts(flow: Flow) -> None:
    flow.put("a", 1, np.append(flow.classes.new(2), [FIXED, FIXED]))
    flow.freeze("a", "first")
    flow.freeze("a", "second")
    flow.freeze("nothing", "third")
    assert flow.frozen == {0: "first", 1: "first"}


def test_a_cut_freezes_all_that_a_node_reads_and_says_which(flow: Flow) -> None:
    flow.put("a", 1, flow.classes.new(4))
    flow.put("y", 1, flow.classes.new(4))
    flow.cut(helper.make_node("Einsum", ["a", "", "y"], ["b"], "sum"), "why")
    assert flow.frozen == dict.fromkeys(range(8), "Einsum `sum`: why")


def test_what_a_branch_reads_from_around_it_is_frozen() -> None:
    branch = helper.make_graph(
        [helper.make_node("Neg", ["a"], ["n"], "neg")],
        "branch",
        [],
        [helper.make_tensor_value_info("n", TensorProto.FLOAT, (1, 4, 8, 8))],
    )
    model = between([one("If", ["yes"], then_branch=branch, else_branch=branch)], {"yes": np.array(True)})
    assert reason(model).startswith("If `if_b`: ")


def test_records_keep_their_order(flow: Flow) -> None:
    stretch = flow.put("a", 1, flow.classes.new(2))
    for role in (Role.CONSUMER, Role.PRODUCER):
        flow.record(role, one("Relu"), stretch, [stretch])
    assert [(record.role, record.node) for record in flow.records] == [
        (Role.CONSUMER, "relu_b"),
        (Role.PRODUCER, "relu_b"),
    ]
