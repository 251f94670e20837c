"""What groups can do without, from the inputs of their consumers."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import onnx
import pytest
from onnx import helper

from edgeinfer_converters.graph.biases import add_biases
from edgeinfer_converters.graph.view import GraphView
from edgeinfer_converters.prune.elimination import Elimination
from edgeinfer_converters.prune.groups import Lane
from edgeinfer_converters.prune.importance import (
    anchored,
    damped_gram_of,
    gram_of,
    observe_grams,
    rank,
    readers_of,
)
from edgeinfer_converters.quantize import columns as columns_module
from tests.fixtures.graphs import conv, filters, graph_of, run, samples_of
from tests.fixtures.pruning import grouping_of, only

COUNT = 20


def relu_between(first: np.ndarray, second: np.ndarray) -> onnx.ModelProto:
    nodes = [conv("x", "a"), helper.make_node("Relu", ["a"], ["b"], "relu"), conv("b", "y", "v")]
    return add_biases(graph_of(nodes, (1, len(second), 8, 8), {"w": first, "v": second}))


def order_of(model: onnx.ModelProto, count: int = COUNT) -> Elimination:
    view = GraphView(model)
    (group,) = grouping_of(model).groups
    grams = observe_grams(model, samples_of(model, count), count)
    return rank(readers_of(view, group), grams, group.channels)


def test_a_dead_channel_goes_first() -> None:
    """Its weights are the largest, and a bias as large keeps the ReLU shut."""
    first = filters(8, 4)
    first[5] *= 10
    nodes = [
        helper.make_node("Conv", ["x", "w", "bias"], ["a"], "conv_a", pads=[1] * 4),
        helper.make_node("Relu", ["a"], ["b"], "relu"),
        conv("b", "y", "v"),
    ]
    bias = np.zeros(8)
    bias[5] = -1000
    weights = {"w": first, "v": filters(4, 8, seed=1), "bias": bias}
    ranking = order_of(add_biases(graph_of(nodes, (1, 4, 8, 8), weights)))
    assert ranking.order[0] == 5
    assert ranking.errors[1] < 1e-6


def test_a_copy_of_a_channel_goes_first() -> None:
    first = filters(8, 4)
    first[6] = 3 * first[2]
    ranking = order_of(relu_between(first, filters(4, 8, seed=1)), 100)
    assert ranking.order[0] in (2, 6)
    assert ranking.errors[1] < 0.3 * (ranking.errors[2] - ranking.errors[1])


@pytest.mark.parametrize("widest", [1152, 36])
def test_columns_are_those_of_the_channels(widest: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a channel's columns the product gives what it gives when the channel is zero."""
    monkeypatch.setattr(columns_module, "MAX_WIDTH", widest)
    model = relu_between(filters(8, 4), filters(4, 8, seed=1))
    view = GraphView(model)
    (reader,) = readers_of(view, grouping_of(model).groups[0])
    weights = reader.weights.copy()
    for matrix, columns in zip(weights, reader.columns, strict=True):
        at = columns[3][columns[3] >= 0]
        matrix[:, at] = 0
    cut = np.array(view.constant(reader.node.input[1]))
    cut[:, 3] = 0
    rows = reader.make.restore(weights)
    np.testing.assert_allclose(rows.reshape(cut.shape), cut, rtol=1e-6)


def test_a_flattened_plane_has_several_columns_a_channel() -> None:
    nodes = [
        conv("x", "a"),
        helper.make_node("Flatten", ["a"], ["f"], "flatten"),
        helper.make_node("Gemm", ["f", "v", "c"], ["y"], "linear"),
    ]
    weights = {"w": filters(3), "v": np.random.default_rng(0).normal(size=(48, 5)), "c": np.zeros(5)}
    model = add_biases(graph_of(nodes, (1, 5), weights, shape=(1, 4, 4, 4)))
    (reader,) = readers_of(GraphView(model), grouping_of(model).groups[0])
    np.testing.assert_array_equal(reader.columns[0], np.arange(48).reshape(3, 16))


def test_grams_are_those_of_the_inputs() -> None:
    model = relu_between(filters(8, 4), filters(4, 8, seed=1))
    (reader,) = readers_of(GraphView(model), grouping_of(model).groups[0])
    grams = observe_grams(model, samples_of(model, COUNT), COUNT)
    gram = grams[reader.node.name]
    assert gram.positions == COUNT * 64
    np.testing.assert_allclose(gram_of(reader, grams), gram.centred())
    added = damped_gram_of(reader, grams) - gram_of(reader, grams)
    assert (np.diagonal(added, axis1=1, axis2=2) > 0).all()
    assert np.count_nonzero(added) == 72


def test_progress_is_told_of_each_sample() -> None:
    model = relu_between(filters(8, 4), filters(4, 8, seed=1))
    told: list[int] = []
    observe_grams(model, samples_of(model, 5), 5, told.append)
    assert sum(told) == 5


def test_of_each_tensor_the_best_channel_stays() -> None:
    """Channels 0 to 2 lie in one tensor, the rest in another: neither may lose all."""
    lanes = tuple(
        Lane(name, 1, np.arange(len(channels)), np.array(channels))
        for name, channels in (("a", [0, 1, 2]), ("b", [3, 4, 5]))
    )
    group = replace(only(relu_between(filters(6, 4), filters(4, 6, seed=1))), tensors=lanes)
    found = anchored(Elimination(np.array([0, 2, 1, 5, 4, 3]), np.arange(7.0)), group)
    assert list(found.order) == [0, 2, 5, 4, 1, 3]
    assert found.least == 2
    np.testing.assert_array_equal(found.kept(2), [1, 3])


def test_ranking_does_not_change_the_model() -> None:
    model = relu_between(filters(8, 4), filters(4, 8, seed=1))
    (sample,) = samples_of(model, 1)
    before = run(model, sample)[0]
    order_of(model)
    np.testing.assert_array_equal(run(model, sample)[0], before)
