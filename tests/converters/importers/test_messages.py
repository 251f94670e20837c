"""Walking over the messages of a model."""

from __future__ import annotations

import onnx
from onnx import helper

from edgeinfer_converters.importers.messages import all_messages, all_tensors, has_broken_text
from tests.fixtures.models import image_classifier


def test_finds_every_tensor_of_a_graph() -> None:
    model = image_classifier()
    names = sorted(tensor.name for tensor in all_tensors(model))
    assert names == sorted(tensor.name for tensor in model.graph.initializer)


def test_goes_into_subgraphs_and_attributes() -> None:
    inner = image_classifier().graph
    node = helper.make_node("If", ["f"], ["o"], then_branch=inner, else_branch=inner)
    model = helper.make_model(helper.make_graph([node], "outer", [], []))
    assert len(list(all_tensors(model))) == 2 * len(inner.initializer)


def test_a_deep_model_needs_no_recursion() -> None:
    graph = helper.make_graph([], "innermost", [], [])
    for _ in range(30):
        node = helper.make_node("If", ["f"], ["o"], then_branch=graph)
        graph = helper.make_graph([node], "around", [], [])
    graphs = [one for one in all_messages(graph) if isinstance(one, onnx.GraphProto)]
    assert len(graphs) == 31


def test_texts_that_are_none() -> None:
    data = image_classifier().SerializeToString()
    assert not has_broken_text(onnx.ModelProto.FromString(data))
    for name in (b"relu1", b"image", b"Relu"):
        broken = data.replace(name, b"\xff" + name[1:])
        assert has_broken_text(onnx.ModelProto.FromString(broken))
