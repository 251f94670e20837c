"""Turned channels."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import onnx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from onnx import helper, numpy_helper

from edgeinfer_converters.graph.biases import add_biases
from edgeinfer_converters.graph.view import GraphView
from edgeinfer_converters.prune.importance import observe_grams, rank, readers_of
from edgeinfer_converters.prune.surgery import keep_channels
from edgeinfer_converters.prune.turn import independent, straighten, turn_channels
from edgeinfer_converters.quantize.hessian import Gram
from tests.fixtures.graphs import bottlenecks, conv, filters, graph_of, residual, run, samples_of
from tests.fixtures.pruning import grouping_of

COUNT = 12


def turned(model: onnx.ModelProto) -> tuple[onnx.ModelProto, Mapping[str, np.ndarray], Mapping[str, Gram]]:
    grams = observe_grams(model, samples_of(model, COUNT), COUNT)
    found, names = turn_channels(model, grouping_of(model), grams)
    return found, names, observe_grams(found, samples_of(model, COUNT), COUNT)


def check_same(model: onnx.ModelProto, other: onnx.ModelProto) -> None:
    for one in samples_of(model, 3, seed=9):
        expected = run(model, one)[0]
        np.testing.assert_allclose(run(other, one)[0], expected, atol=2e-4 * np.abs(expected).max())


def shared_direction() -> onnx.ModelProto:
    """Eight channels that are all the same one, each in its own way: none can go, but seven directions."""
    rng = np.random.default_rng(0)
    first = filters(1, 4, seed=5) * rng.normal(size=(8, 1, 1, 1)) + 0.01 * filters(8, 4, seed=6)
    nodes = [conv("x", "a"), conv("a", "y", "v")]
    return graph_of(nodes, (1, 4, 8, 8), {"w": first, "v": filters(4, 8, seed=1)})


def test_linear_bottlenecks_compute_the_same_and_are_turned() -> None:
    model = add_biases(bottlenecks())
    other, names, _ = turned(model)
    assert names
    assert other != model
    check_same(model, other)


def test_what_a_relu_reads_stays() -> None:
    model = add_biases(residual())
    other, names, _ = turned(model)
    assert not names
    assert other is model


def test_after_turning_one_direction_is_enough() -> None:
    model = add_biases(shared_direction())
    other, names, grams = turned(model)
    assert list(names) == ["conv_a"]
    check_same(model, other)
    before = observe_grams(model, samples_of(model, COUNT), COUNT)
    errors = [
        rank(readers_of(GraphView(one), group), known, 8).errors
        for one, known in ((model, before), (other, grams))
        for group in grouping_of(one).groups
    ]
    plain, better = errors
    assert better[7] < 0.05
    assert better[7] <= plain[7] + 1e-6
    assert list(rank(readers_of(GraphView(other), grouping_of(other).groups[0]), grams, 8).kept(1)) == [0]


def test_sums_of_several_producers_turn_together() -> None:
    nodes = [
        conv("x", "a"),
        conv("x", "b", "u"),
        helper.make_node("Add", ["a", "b"], ["c"], "add"),
        conv("c", "y", "v"),
    ]
    weights = {"w": filters(8, 4), "u": filters(8, 4, seed=2), "v": filters(4, 8, seed=1)}
    model = add_biases(graph_of(nodes, (1, 4, 8, 8), weights))
    other, names, _ = turned(model)
    assert list(names) == ["conv_a"]
    check_same(model, other)


@pytest.mark.parametrize("kind", ["GlobalAveragePool", "MaxPool"])
def test_averages_turn_and_maxima_do_not(kind: str) -> None:
    attributes: dict[str, Any] = {"kernel_shape": [2, 2]} if kind == "MaxPool" else {}
    nodes = [
        conv("x", "a"),
        helper.make_node(kind, ["a"], ["b"], "pool", **attributes),
        helper.make_node("Conv", ["b", "v"], ["y"], "last"),
    ]
    size = 7 if kind == "MaxPool" else 1
    weights = {"w": filters(8, 4), "v": filters(4, 8, 1, seed=1)}
    model = add_biases(graph_of(nodes, (1, 4, size, size), weights))
    other, names, _ = turned(model)
    assert bool(names) == (kind == "GlobalAveragePool")
    check_same(model, other)


def test_weights_that_two_products_share_stay() -> None:
    nodes = [conv("x", "a"), conv("a", "b"), conv("b", "y", "v")]
    model = add_biases(graph_of(nodes, (1, 4, 8, 8), {"w": filters(), "v": filters(seed=1)}))
    _, names, _ = turned(model)
    assert not names


def test_a_channel_that_nobody_heeds_is_no_division_by_zero() -> None:
    weights = filters(4, 8, seed=1)
    weights[:, 3] = 0
    first = filters(8, 4)
    first[5] = 0
    nodes = [conv("x", "a"), conv("a", "y", "v")]
    model = add_biases(graph_of(nodes, (1, 4, 8, 8), {"w": first, "v": weights}))
    other, _, _ = turned(model)
    assert all(np.isfinite(numpy_helper.to_array(one)).all() for one in other.graph.initializer)
    check_same(model, other)


def test_with_all_channels_left_straightening_undoes_the_turn() -> None:
    model = add_biases(bottlenecks())
    other, backs, _ = turned(model)
    again = straighten(other, grouping_of(other), backs, {})
    for one, two in zip(model.graph.initializer, again.graph.initializer, strict=True):
        before, after = numpy_helper.to_array(one), numpy_helper.to_array(two)
        np.testing.assert_allclose(after, before, atol=1e-3 * max(np.abs(before).max(), 1e-3))


def test_straightened_channels_are_some_of_those_before_the_turn() -> None:
    """Up to what the missing directions had of them: their ranges are what they were."""
    model = add_biases(bottlenecks(spread=1.0))
    other, backs, _ = turned(model)
    grouping = grouping_of(other)
    kept = {name: np.arange(len(back) - 2) for name, back in backs.items()}
    smaller = keep_channels(other, grouping, {name: one.tolist() for name, one in kept.items()})
    straight = straighten(smaller, grouping_of(smaller), backs, kept)
    check_same(smaller, straight)
    name = grouping[next(iter(backs))].tensors[0].tensor
    spreads = [spread_of(one, name) for one in (model, smaller, straight)]
    plain, sorted_ones, found = spreads
    assert found.max() < 0.8 * sorted_ones.max()
    assert found.max() < 1.5 * plain.max()


def spread_of(model: onnx.ModelProto, tensor: str) -> np.ndarray:
    """The largest value of each channel."""
    shown = onnx.ModelProto()
    shown.CopyFrom(model)
    shown.graph.output.append(helper.make_empty_tensor_value_info(tensor))
    found = [run(shown, one)[1] for one in samples_of(model, 8)]
    return np.abs(np.concatenate(found)).max(axis=(0, 2, 3))


@given(seed=st.integers(0, 2**32 - 1), rows=st.integers(1, 12), part=st.floats(0.1, 1.0))
def test_independent_rows_stand_for_all_others(seed: int, rows: int, part: float) -> None:
    matrix = np.random.default_rng(seed).normal(size=(rows, max(1, int(rows * part))))
    chosen = independent(matrix)
    assert len(set(chosen.tolist())) == matrix.shape[1]
    assert list(chosen) == sorted(chosen)
    made = matrix @ np.linalg.inv(matrix[chosen])
    assert np.abs(made).max() < 2.0 ** matrix.shape[1]
    np.testing.assert_allclose(made[chosen], np.eye(len(chosen)), atol=1e-6)
