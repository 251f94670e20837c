"""Each node has a name of its own."""

from __future__ import annotations

import onnx
from hypothesis import given
from hypothesis import strategies as st
from onnx import helper

from edgeinfer_converters.graph.naming import name_nodes
from tests.fixtures.models import image_classifier


def model_named(names: list[str]) -> onnx.ModelProto:
    """Nodes with these names, whatever else they are."""
    nodes = [helper.make_node("Relu", [f"t{k}"], [f"t{k + 1}"], name) for k, name in enumerate(names)]
    return helper.make_model(helper.make_graph(nodes, "g", [], []))


def names_of(model: onnx.ModelProto) -> list[str]:
    return [node.name for node in model.graph.node]


NAMES = st.lists(st.sampled_from(["", "a", "b", "Relu_0", "Relu_1", "Relu_1_2", "Relu_2"]), max_size=12)


@given(NAMES)
def test_all_are_named_and_no_two_alike(names: list[str]) -> None:
    found = names_of(name_nodes(model_named(names)))
    assert all(found)
    assert len(set(found)) == len(names)


@given(NAMES)
def test_the_first_of_a_name_keeps_it(names: list[str]) -> None:
    found = names_of(name_nodes(model_named(names)))
    for position, name in enumerate(names):
        if name and name not in names[:position]:
            assert found[position] == name


@given(NAMES)
def test_a_second_time_changes_nothing(names: list[str]) -> None:
    once = names_of(name_nodes(model_named(names)))
    assert names_of(name_nodes(model_named(once))) == once


def test_a_new_name_says_what_and_where() -> None:
    assert names_of(name_nodes(model_named(["", "mine", ""]))) == ["Relu_0", "mine", "Relu_2"]


def test_a_name_that_is_taken_gets_a_number() -> None:
    assert names_of(name_nodes(model_named(["", "Relu_0"]))) == ["Relu_0_2", "Relu_0"]


def test_good_names_stay_and_the_model_is_the_same_one() -> None:
    model = image_classifier()
    before = names_of(model)
    assert name_nodes(model) is model
    assert names_of(model) == before
