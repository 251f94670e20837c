"""Pruning by the size of weights alone."""

from __future__ import annotations

import numpy as np
import onnx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from onnx import helper, numpy_helper

from edgeinfer_converters.graph.view import GraphView
from edgeinfer_converters.prune.cost import macs_cost
from edgeinfer_converters.prune.magnitude import importances, smallest_of_all_removed, smallest_removed
from edgeinfer_converters.prune.selection import macs_of
from tests.fixtures.graphs import conv, filters, graph_of
from tests.fixtures.pruning import between, branches, grouping_of, only


def two_layers(scales: list[float]) -> onnx.ModelProto:
    weights = filters(8, 4) / np.linalg.norm(filters(8, 4).reshape(8, -1), axis=1).reshape(-1, 1, 1, 1)
    weights = weights * np.array(scales).reshape(-1, 1, 1, 1)
    nodes = [conv("x", "a"), helper.make_node("Relu", ["a"], ["b"], "relu"), conv("b", "y", "v")]
    return graph_of(nodes, (1, 4, 8, 8), {"w": weights, "v": filters(4, 8, seed=1)})


def test_the_smallest_go() -> None:
    model = two_layers([5, 1, 6, 2, 7, 3, 8, 4])
    view, grouping = GraphView(model), grouping_of(model)
    kept = smallest_removed(view, grouping, 0.5, macs_cost(view, grouping))
    assert {name: one.tolist() for name, one in kept.items()} == {"conv_a": [0, 2, 4, 6]}


@pytest.mark.parametrize("share", [0.1, 0.3, 0.6])
def test_the_share_is_reached_in_every_group_alike(share: float) -> None:
    model = branches("conv", "relu", "conv", "relu", "conv", tail="pooled")
    view, grouping = GraphView(model), grouping_of(model)
    kept = smallest_removed(view, grouping, share, macs_cost(view, grouping))
    whole = macs_of(view, grouping, {})
    assert macs_of(view, grouping, {name: one.tolist() for name, one in kept.items()}) <= (1 - share) * whole
    lost = [group.channels - len(kept[group.name]) for group in grouping.groups]
    sizes = [group.channels for group in grouping.groups]
    part = sum(lost) / sum(sizes)
    assert all(abs(gone - part * size) <= 1 for gone, size in zip(lost, sizes, strict=True))


def test_multiples_are_kept_and_never_nothing() -> None:
    model = two_layers([1.0] * 8)
    view, grouping = GraphView(model), grouping_of(model)
    kept = smallest_removed(view, grouping, 0.3, macs_cost(view, grouping), multiple=4)
    assert len(kept["conv_a"]) == 4
    assert len(smallest_removed(view, grouping, 0.99, macs_cost(view, grouping), multiple=4)["conv_a"]) == 4
    assert len(smallest_removed(view, grouping, 0.99, macs_cost(view, grouping))["conv_a"]) == 1


@pytest.mark.parametrize("share", [0.1, 0.3, 0.6])
def test_of_all_groups_the_smallest_go(share: float) -> None:
    model = branches("conv", "relu", "conv", "relu", "conv", tail="pooled")
    view, grouping = GraphView(model), grouping_of(model)
    kept = smallest_of_all_removed(view, grouping, share, macs_cost(view, grouping))
    whole = macs_of(view, grouping, {})
    assert macs_of(view, grouping, {name: one.tolist() for name, one in kept.items()}) <= (1 - share) * whole
    importance = {group.name: importances(view, group) for group in grouping.groups}
    left = {name: importance[name][one] for name, one in kept.items()}
    gone = {name: np.delete(importance[name], one) for name, one in kept.items()}
    # One channel alone may be less than what goes elsewhere: the last of its group.
    least = min(one.min() for one in left.values() if len(one) > 1)
    assert max(one.max(initial=0) for one in gone.values()) <= least


def test_the_best_of_each_group_stays() -> None:
    model = two_layers([5, 1, 6, 2, 7, 3, 8, 4])
    view, grouping = GraphView(model), grouping_of(model)
    kept = smallest_of_all_removed(view, grouping, 0.99, macs_cost(view, grouping))
    assert kept["conv_a"].tolist() == [int(importances(view, grouping.groups[0]).argmax())]


def squares(*parts: np.ndarray) -> np.ndarray:
    """By channel, on the first axis of each part, the mean of the sums over the parts, their own mean 1."""
    found = np.mean([np.square(part).reshape(len(part), -1).sum(axis=1) for part in parts], axis=0)
    return np.asarray(found / found.mean())


def test_readers_count_as_much_as_producers() -> None:
    model = two_layers([5, 1, 6, 2, 7, 3, 8, 4])
    view, group = GraphView(model), grouping_of(model).groups[0]
    made, read = view.constant("w"), view.constant("v")
    np.testing.assert_allclose(importances(view, group), squares(made, read.swapaxes(0, 1)), rtol=1e-5)


def test_what_is_read_most_stays() -> None:
    read = filters(4, 8, seed=1)
    read[:, [1, 4, 6]] *= 100
    nodes = [conv("x", "a"), helper.make_node("Relu", ["a"], ["b"], "relu"), conv("b", "y", "v")]
    model = graph_of(nodes, (1, 4, 8, 8), {"w": filters(8, 4), "v": read})
    view, grouping = GraphView(model), grouping_of(model)
    kept = smallest_removed(view, grouping, 0.6, macs_cost(view, grouping))
    assert kept["conv_a"].tolist() == [1, 4, 6]


def test_producers_of_one_group_count_together() -> None:
    nodes = [
        conv("x", "a"),
        conv("x", "b", "u"),
        helper.make_node("Add", ["a", "b"], ["c"], "add"),
        conv("c", "y", "v"),
    ]
    one, other = np.ones((4, 4, 3, 3)), np.zeros((4, 4, 3, 3))
    one[2], other[2] = 0, 2
    model = graph_of(nodes, (1, 4, 8, 8), {"w": one, "u": other, "v": np.zeros((4, 4, 3, 3))})
    (group,) = grouping_of(model).groups
    np.testing.assert_allclose(importances(GraphView(model), group), np.array([1, 1, 4, 1]) / 1.75)


def test_a_flattened_channel_is_all_of_its_columns() -> None:
    model = branches("conv", tail="flat")
    view, grouping = GraphView(model), grouping_of(model)
    (group,) = grouping.groups
    (reader,) = group.consumers
    made = view.constant(group.producers[0].weights.tensor)
    columns = np.moveaxis(view.constant(reader.weights.tensor), reader.weights.axis, 0)
    assert len(columns) > group.channels
    read = columns.reshape(group.channels, -1)
    np.testing.assert_allclose(importances(view, group), squares(made, read), rtol=1e-5)


def test_normalizations_count_with_their_scale_and_depthwise_weights_do_not() -> None:
    scale = np.array([1.0, 2, 3, 4])
    constants = {"scale": scale, "zero": np.full(4, 9.0), "one": np.ones(4)}
    deep = {"d": 100 * filters(4, 1, seed=2), "u": filters(seed=1)}
    nodes = [
        helper.make_node("BatchNormalization", ["a", "scale", "zero", "zero", "one"], ["n"], "norm"),
        conv("n", "e", "d", group=4),
        conv("e", "b", "u"),
    ]
    model = between(nodes, {**constants, **deep})
    view, group = GraphView(model), only(model)
    read = view.constant("u").swapaxes(0, 1)
    expected = squares(view.constant("w"), read, scale)
    np.testing.assert_allclose(importances(view, group), expected, rtol=1e-5)


@given(st.integers(0, 50), st.floats(1e-3, 1e3))
def test_importances_are_relative(seed: int, factor: float) -> None:
    model = branches("conv", "relu", "conv", tail="pooled", seed=seed)
    view = GraphView(model)
    scaled = onnx.ModelProto()
    scaled.CopyFrom(model)
    for tensor in scaled.graph.initializer:
        values = numpy_helper.to_array(tensor)
        if values.dtype.kind == "f":
            tensor.CopyFrom(numpy_helper.from_array(values * np.float32(factor), tensor.name))
    for group in grouping_of(model).groups:
        found = importances(view, group)
        assert found.mean() == pytest.approx(1)
        assert (found >= 0).all()
        np.testing.assert_allclose(importances(GraphView(scaled), group), found, rtol=1e-4)
