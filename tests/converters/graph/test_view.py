"""A graph seen from its tensors."""

from __future__ import annotations

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from edgeinfer_converters.graph.shapes import infer_shapes
from edgeinfer_converters.graph.view import GraphView, attribute
from tests.fixtures.graphs import GRAPHS, residual
from tests.fixtures.models import autoencoder, image_classifier, model_of


def branching() -> onnx.ModelProto:
    """If whose branches read `x` and `w` of the graph around them."""
    row = helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, 4])
    outputs = {name: helper.make_tensor_value_info(name, TensorProto.FLOAT, [1, 4]) for name in "aby"}
    yes = helper.make_graph([helper.make_node("Neg", ["x"], ["a"])], "yes", [], [outputs["a"]])
    no = helper.make_graph([helper.make_node("Add", ["x", "w"], ["b"])], "no", [], [outputs["b"]])
    return model_of(
        [
            helper.make_node("ReduceSum", ["x"], ["total"], "total", keepdims=0),
            helper.make_node("Cast", ["total"], ["flag"], "cast", to=TensorProto.BOOL),
            helper.make_node("If", ["flag"], ["y"], "choice", then_branch=yes, else_branch=no),
        ],
        [row],
        [outputs["y"]],
        {"w": np.ones((1, 4), np.float32)},
    )


def names(nodes: tuple[onnx.NodeProto, ...]) -> list[str]:
    return [node.name for node in nodes]


def test_a_classifier() -> None:
    view = GraphView(infer_shapes(image_classifier()))
    assert names(view.nodes)[:2] == ["conv1", "relu1"]
    assert view.producers["r1"].name == "relu1"
    assert "image" not in view.producers
    assert names(view.readers["c1"]) == ["relu1"]
    assert view.inputs == ("image",)
    assert view.outputs == {"logits"}
    assert view.shapes["p"] == (1, 8, 1, 1)
    assert {"image", "w1", "c1", "logits"} <= view.floats


@pytest.mark.parametrize("name", GRAPHS)
def test_producers_and_readers_tell_the_same_story(name: str) -> None:
    view = GraphView(GRAPHS[name]())
    for tensor, readers in view.readers.items():
        assert all(tensor in node.input for node in readers)
        made = tensor in view.producers
        assert made != (tensor in view.inputs or tensor in view.initializers)


def test_a_tensor_with_two_readers_is_not_private() -> None:
    view = GraphView(residual())
    assert view.is_private("a")
    assert not view.is_private("b")
    assert not view.is_private("y")
    assert not view.is_private("nobody")


def test_a_node_that_reads_a_tensor_twice_is_one_reader() -> None:
    row = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [1, 4]) for name in ("x", "y")]
    nodes = [
        helper.make_node("Relu", ["x"], ["t"], "relu"),
        helper.make_node("Add", ["t", "t"], ["y"], "add"),
    ]
    view = GraphView(model_of(nodes, row[:1], row[1:]))
    assert names(view.readers["t"]) == ["add"]
    assert view.is_private("t")


def test_what_subgraphs_read_is_read() -> None:
    view = GraphView(branching())
    assert names(view.readers["x"]) == ["total", "choice"]
    assert names(view.readers["w"]) == ["choice"]
    assert not view.is_private("x")


def test_left_out_inputs_have_no_readers() -> None:
    row = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [1, 4]) for name in ("x", "y")]
    nodes = [helper.make_node("Clip", ["x", "", "high"], ["y"], "clip")]
    view = GraphView(model_of(nodes, row[:1], row[1:], {"high": np.array(6, np.float32)}))
    assert "" not in view.readers
    assert names(view.readers["high"]) == ["clip"]


def test_an_initializer_is_no_input_although_it_is_listed_as_one() -> None:
    model = image_classifier()
    model.graph.input.append(helper.make_tensor_value_info("w1", TensorProto.FLOAT, [8, 3, 3, 3]))
    assert GraphView(model).inputs == ("image",)


def test_constants_and_types() -> None:
    model = infer_shapes(autoencoder())
    view = GraphView(model)
    np.testing.assert_array_equal(view.constant("shape"), [1, 8, 2])
    np.testing.assert_array_equal(view.constant("b1"), numpy_helper.to_array(model.graph.initializer[1]))
    assert "shape" not in view.floats
    with pytest.raises(KeyError):
        view.constant("window")


def test_an_attribute_or_its_default() -> None:
    node = helper.make_node("Conv", ["x", "w"], ["y"], group=8)
    assert attribute(node, "group", 1) == 8
    assert attribute(node, "axis", -1) == -1
