"""Classes of channels."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import onnx
import pytest
from onnx import helper

from edgeinfer_converters.graph.view import GraphView
from edgeinfer_converters.quantize.channels import ChannelClasses, channel_classes, channels_of
from tests.fixtures.graphs import conv, filters, graph_of


def classes(nodes: Sequence[onnx.NodeProto], output: Sequence[int], **weights: np.ndarray) -> ChannelClasses:
    return channel_classes(GraphView(graph_of(nodes, output, weights)))


@pytest.mark.parametrize(
    "node",
    [
        helper.make_node("Relu", ["a"], ["b"], "f"),
        helper.make_node("LeakyRelu", ["a"], ["b"], "f"),
        helper.make_node("MaxPool", ["a"], ["b"], "f", kernel_shape=[1, 1]),
        helper.make_node("AveragePool", ["a"], ["b"], "f", kernel_shape=[1, 1]),
    ],
)
def test_homogeneous_operators_keep_the_classes(node: onnx.NodeProto) -> None:
    found = classes([conv("x", "a"), node, conv("b", "y", "v")], (1, 4, 8, 8), w=filters(), v=filters(seed=1))
    np.testing.assert_array_equal(found.classes["a"], found.classes["b"])
    assert not found.fixed[found.classes["a"]].any()


@pytest.mark.parametrize(
    ("low", "high", "free"), [(0.0, 6.0, True), (-1.0, 6.0, False), (0.0, 0.0, False), (0.0, -1.0, False)]
)
def test_clips_from_zero_keep_the_classes(low: float, high: float, free: bool) -> None:
    nodes = [
        conv("x", "a"),
        helper.make_node("Clip", ["a", "low", "high"], ["b"], "clip"),
        conv("b", "y", "v"),
    ]
    constants = {"low": np.array(low), "high": np.array(high)}
    found = classes(nodes, (1, 4, 8, 8), w=filters(), v=filters(seed=1), **constants)
    assert found.fixed[found.classes["a"]].any() != free
    assert found.bounds == ({"b": 6.0} if free else {})


def test_a_classifier_s_flattening() -> None:
    nodes = [
        conv("x", "a"),
        helper.make_node("GlobalAveragePool", ["a"], ["p"], "pool"),
        helper.make_node("Flatten", ["p"], ["f"], "flatten"),
        helper.make_node("Gemm", ["f", "m"], ["y"], "linear"),
    ]
    found = classes(nodes, (1, 3), w=filters(), m=np.ones((4, 3)))
    np.testing.assert_array_equal(found.classes["a"], found.classes["f"])
    assert not found.fixed[found.classes["f"]].any()
    assert found.products == {"conv_a", "linear"}


def test_positions_that_become_channels_are_fixed() -> None:
    nodes = [
        conv("x", "a"),
        helper.make_node("Flatten", ["a"], ["f"], "flatten"),
        helper.make_node("Gemm", ["f", "m"], ["y"], "linear"),
    ]
    found = classes(nodes, (1, 3), w=filters(), m=np.ones((256, 3)))
    assert found.fixed[found.classes["a"]].all()


def test_what_a_subgraph_reads_is_fixed() -> None:
    inner = helper.make_graph(
        [helper.make_node("Abs", ["a"], ["i"])],
        "branch",
        [],
        [helper.make_tensor_value_info("i", onnx.TensorProto.FLOAT, None)],
    )
    nodes = [
        conv("x", "a"),
        helper.make_node("ReduceSum", ["x"], ["total"], "sum", keepdims=0),
        helper.make_node("Greater", ["total", "zero"], ["yes"], "greater"),
        helper.make_node("If", ["yes"], ["s"], "if", then_branch=inner, else_branch=inner),
        conv("a", "c", "v"),
        helper.make_node("Add", ["c", "s"], ["y"], "add"),
    ]
    model = graph_of(nodes, (1, 4, 8, 8), {"w": filters(), "v": filters(seed=1), "zero": np.array(0.0)})
    found = channel_classes(GraphView(model))
    assert found.fixed[found.classes["a"]].all()


def test_open_and_missing_channels() -> None:
    view = GraphView(graph_of([conv("x", "y")], (1, 4, 8, 8), {"w": filters()}))
    assert channels_of(view, "y") == 4
    assert channels_of(view, "nowhere") is None
