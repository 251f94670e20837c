"""Which products are mended."""

from __future__ import annotations

import numpy as np
import onnx
from onnx import helper

from edgeinfer_converters.graph.biases import add_biases
from edgeinfer_converters.graph.view import GraphView
from edgeinfer_converters.prune.selection import left_outputs
from edgeinfer_converters.prune.surgery import keep_channels
from edgeinfer_converters.prune.targets import UNCUT, Target, targets_of
from tests.fixtures.graphs import conv, filters, graph_of
from tests.fixtures.pruning import grouping_of


def residual() -> onnx.ModelProto:
    """a and its Relu b; c of b, d the sum of both, a Relu e, y of e."""
    nodes = [
        conv("x", "a", "w"),
        helper.make_node("Relu", ["a"], ["b"], "relu_b"),
        conv("b", "c", "v"),
        helper.make_node("Add", ["c", "b"], ["d"], "add"),
        helper.make_node("Clip", ["d", "low", "high"], ["e"], "clip_e"),
        conv("e", "y", "u"),
    ]
    weights = {
        "w": filters(8, 4),
        "v": filters(8, 8, seed=1),
        "u": filters(4, 8, seed=2),
        "low": np.array(0, np.float32),
        "high": np.array(6, np.float32),
    }
    return add_biases(graph_of(nodes, (1, 4, 8, 8), weights))


def found(model: onnx.ModelProto, kept: dict[str, list[int]], widest: int = UNCUT) -> dict[str, Target]:
    grouping = grouping_of(model)
    smaller = keep_channels(model, grouping, kept)
    left = left_outputs(GraphView(model), grouping, {name: np.array(one) for name, one in kept.items()})
    return {one.node.name: one for one in targets_of((model, smaller), left, widest)}


def test_what_reads_harmed_channels_is_mended_in_order() -> None:
    model = residual()
    (group,) = grouping_of(model).groups
    targets = found(model, {group.name: [0, 2, 3]})
    # The first product makes fewer channels, but of the same inputs.
    assert list(targets) == ["conv_c", "conv_y"]
    np.testing.assert_array_equal(targets["conv_c"].outputs, [0, 2, 3])
    assert targets["conv_y"].outputs is None


def test_a_sum_is_the_target_of_its_branch() -> None:
    model = residual()
    (group,) = grouping_of(model).groups
    branch = found(model, {group.name: [0, 2, 3]})["conv_c"]
    assert (branch.total, branch.other) == ("d", "b")
    assert branch.bounds == (0.0, 6.0)
    names = [node.name for node in model.graph.node]
    assert branch.ends == (names.index("add") + 1, names.index("conv_c"))


def test_without_a_sum_the_target_is_the_products_own_result() -> None:
    model = residual()
    (group,) = grouping_of(model).groups
    last = found(model, {group.name: [0, 2, 3]})["conv_y"]
    assert (last.total, last.other, last.bounds) == ("y", "", None)


def test_wide_products_keep_their_weights() -> None:
    model = residual()
    (group,) = grouping_of(model).groups
    targets = found(model, {group.name: [0, 2, 3]}, widest=26)
    assert [one.fitted for one in targets.values()] == [0, 0]
    assert [one.fitted for one in found(model, {group.name: [0, 2, 3]}, widest=27).values()] == [27, 27]


def test_nothing_is_mended_where_nothing_is_gone() -> None:
    assert found(residual(), {}) == {}
