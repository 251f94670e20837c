"""Pruning by the size of weights alone."""

from __future__ import annotations

import numpy as np
import onnx
import pytest
from onnx import helper

from edgeinfer_converters.graph.view import GraphView
from edgeinfer_converters.prune.cost import macs_cost
from edgeinfer_converters.prune.magnitude import norms, smallest_removed
from edgeinfer_converters.prune.selection import macs_of
from tests.fixtures.graphs import conv, filters, graph_of
from tests.fixtures.pruning import branches, grouping_of


def two_layers(scales: list[float]) -> onnx.ModelProto:
    weights = filters(8, 4) / np.linalg.norm(filters(8, 4).reshape(8, -1), axis=1).reshape(-1, 1, 1, 1)
    weights = weights * np.array(scales).reshape(-1, 1, 1, 1)
    nodes = [conv("x", "a"), helper.make_node("Relu", ["a"], ["b"], "relu"), conv("b", "y", "v")]
    return graph_of(nodes, (1, 4, 8, 8), {"w": weights, "v": filters(4, 8, seed=1)})


def test_the_smallest_go() -> None:
    model = two_layers([5, 1, 6, 2, 7, 3, 8, 4])
    view, grouping = GraphView(model), grouping_of(model)
    np.testing.assert_allclose(norms(view, grouping.groups[0]), [5, 1, 6, 2, 7, 3, 8, 4], rtol=1e-5)
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


def test_producers_of_one_group_count_together() -> None:
    nodes = [
        conv("x", "a"),
        conv("x", "b", "u"),
        helper.make_node("Add", ["a", "b"], ["c"], "add"),
        conv("c", "y", "v"),
    ]
    one, other = np.ones((4, 4, 3, 3)), np.zeros((4, 4, 3, 3))
    one[2], other[2] = 0, 2
    model = graph_of(nodes, (1, 4, 8, 8), {"w": one, "u": other, "v": filters()})
    (group,) = grouping_of(model).groups
    np.testing.assert_allclose(norms(GraphView(model), group), [6, 6, 12, 6])
