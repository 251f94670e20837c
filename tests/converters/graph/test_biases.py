"""Biases of zeros."""

from __future__ import annotations

import numpy as np
from onnx import helper
from onnxconverter_common import float16

from edgeinfer_converters.graph.biases import add_biases
from edgeinfer_converters.graph.view import GraphView
from tests.fixtures.graphs import conv, filters, graph_of, run, samples_of


def test_convolutions_without_a_bias_get_zeros() -> None:
    model = graph_of([conv("x", "a"), conv("a", "y", "v")], (1, 6, 8, 8), {"w": filters(), "v": filters(6)})
    (sample,) = samples_of(model, 1)
    before = run(model, sample)[0]
    view = GraphView(add_biases(model))
    for node, size in zip(view.nodes, (4, 6), strict=True):
        np.testing.assert_array_equal(view.constant(node.input[2]), np.zeros(size, np.float32))
    np.testing.assert_array_equal(run(model, sample)[0], before)


def test_what_has_one_keeps_it_and_names_stay_apart() -> None:
    nodes = [
        helper.make_node("Conv", ["x", "w", "b"], ["a"], "one", pads=[1] * 4),
        helper.make_node("Conv", ["a", "w"], ["one_bias"], "two", pads=[1] * 4),
        helper.make_node("Conv", ["one_bias", "w"], ["y"], "three", pads=[1] * 4),
    ]
    model = add_biases(graph_of(nodes, (1, 4, 8, 8), {"w": filters(), "b": np.ones(4)}))
    names = [node.input[2] for node in model.graph.node]
    assert names[0] == "b"
    assert len(set(names)) == 3
    assert "one_bias" not in names[1:]


def test_a_bias_that_is_shared_is_copied() -> None:
    """Equal constants become one when a graph is cleaned up."""
    nodes = [
        helper.make_node("Conv", ["x", "w", "b"], ["a"], "one", pads=[1] * 4),
        helper.make_node("Conv", ["a", "w", "c"], ["y"], "two", pads=[1] * 4),
    ]
    same = {"b": np.full(4, 0.5), "c": np.full(4, 0.5)}
    model = graph_of(nodes, (1, 4, 8, 8), {"w": filters(), **same})
    assert len({node.input[2] for node in model.graph.node}) == 1
    (sample,) = samples_of(model, 1)
    before = run(model, sample)[0]
    view = GraphView(add_biases(model))
    assert len({node.input[2] for node in view.nodes}) == 2
    np.testing.assert_array_equal(run(model, sample)[0], before)


def test_a_second_time_changes_nothing() -> None:
    model = add_biases(graph_of([conv("x", "y")], (1, 4, 8, 8), {"w": filters()}))
    again = add_biases(model)
    assert len(again.graph.initializer) == 2


def test_other_types_are_left_alone() -> None:
    """A bias of float32 beside weights of float16 is no model."""
    half = float16.convert_float_to_float16(graph_of([conv("x", "y")], (1, 4, 8, 8), {"w": filters()}))
    before = half.SerializeToString(deterministic=True)
    assert add_biases(half).SerializeToString(deterministic=True) == before
