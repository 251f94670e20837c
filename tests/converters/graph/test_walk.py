"""Walking over nodes, naming them, expanding functions."""

from __future__ import annotations

import onnx
from onnx import helper

from edgeinfer_converters.graph.naming import name_nodes
from edgeinfer_converters.graph.walk import all_nodes, is_standard, outer_names, standard_opset
from tests.fixtures.models import doubler, image_classifier


def nested() -> onnx.ModelProto:
    inner = helper.make_graph(
        [helper.make_node("Add", ["outer", "outer"], ["sum"])],
        "inner",
        [],
        [helper.make_tensor_value_info("sum", 1, None)],
    )
    node = helper.make_node("If", ["flag"], ["y"], then_branch=inner, else_branch=inner)
    return helper.make_model(helper.make_graph([node], "g", [], []))


def test_nodes_of_subgraphs_and_functions() -> None:
    model = nested()
    model.functions.append(
        helper.make_function(
            "own", "F", ["a"], ["b"], [helper.make_node("Relu", ["a"], ["b"])], [helper.make_opsetid("", 17)]
        )
    )
    assert [node.op_type for node in all_nodes(model)] == ["If", "Add", "Add", "Relu"]


def test_names_that_subgraphs_take_from_outside() -> None:
    node = nested().graph.node[0]
    assert "outer" in outer_names(node)
    assert not outer_names(doubler().graph.node[0])


def test_the_standard_opset() -> None:
    model = doubler()
    model.opset_import.add(domain="com.example", version=99)
    assert standard_opset(model) == 17
    model.ClearField("opset_import")
    assert standard_opset(model) == 1
    assert is_standard(model.graph.node[0])


def test_nodes_without_names_and_with_the_same_one() -> None:
    model = image_classifier()
    for node in model.graph.node[:3]:
        node.name = ""
    model.graph.node[3].name = model.graph.node[4].name = "twin"
    model.graph.node[5].name = "Conv_0"
    names = [node.name for node in name_nodes(model).graph.node]
    assert len(set(names)) == len(names)
    assert names[:3] == ["Conv_0_2", "Relu_1", "Conv_2"]
    assert names[3] == "twin"
