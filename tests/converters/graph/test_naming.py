"""Each node has a name of its own."""

from __future__ import annotations

import onnx
from hypothesis import given
from hypothesis import strategies as st
from onnx import helper

from edgeinfer_converters.graph.naming import name_nodes, names_of
from tests.fixtures.models import image_classifier


def model_named(names: list[str]) -> onnx.ModelProto:
    """Nodes with these names, whatever else they are."""
    nodes = [helper.make_node("Relu", [f"t{k}"], [f"t{k + 1}"], name) for k, name in enumerate(names)]
    return helper.make_model(helper.make_graph(nodes, "g", [], []))


def node_names(model: onnx.ModelProto) -> list[str]:
    return [node.name for node in model.graph.node]


NAMES = st.lists(st.sampled_from(["", "a", "b", "Relu_0", "Relu_1", "Relu_1_2", "Relu_2"]), max_size=12)


@given(NAMES)
def test_all_are_named_and_no_two_alike(names: list[str]) -> None:
    found = node_names(name_nodes(model_named(names)))
    assert all(found)
    assert len(set(found)) == len(names)


@given(NAMES)
def test_the_first_of_a_name_keeps_it(names: list[str]) -> None:
    found = node_names(name_nodes(model_named(names)))
    for position, name in enumerate(names):
        if name and name not in names[:position]:
            assert found[position] == name


@given(NAMES)
def test_a_second_time_changes_nothing(names: list[str]) -> None:
    once = node_names(name_nodes(model_named(names)))
    assert node_names(name_nodes(model_named(once))) == once


def test_a_new_name_says_what_and_where() -> None:
    assert node_names(name_nodes(model_named(["", "mine", ""]))) == ["Relu_0", "mine", "Relu_2"]


def test_a_name_that_is_taken_gets_a_number() -> None:
    assert node_names(name_nodes(model_named(["", "Relu_0"]))) == ["Relu_0_2", "Relu_0"]


def test_good_names_stay_and_the_model_is_the_same_one() -> None:
    model = image_classifier()
    before = node_names(model)
    assert name_nodes(model) is model
    assert node_names(model) == before


def test_names_of_a_graph_are_those_of_its_subgraphs_too() -> None:
    inner = helper.make_graph(
        [helper.make_node("Add", ["outside", "inside"], ["z"], "deep")],
        "branch",
        [],
        [helper.make_tensor_value_info("z", onnx.TensorProto.FLOAT, [1])],
        [helper.make_tensor("inside", onnx.TensorProto.FLOAT, [1], [1.0])],
    )
    branch = helper.make_node("If", ["yes"], ["y"], "if", then_branch=inner, else_branch=inner)
    unread = helper.make_tensor_value_info("unread", onnx.TensorProto.FLOAT, [1])
    model = helper.make_model(helper.make_graph([branch], "g", [unread], []))
    expected = {"outside", "inside", "z", "deep", "yes", "y", "if", "unread"}
    assert names_of(model) == expected
