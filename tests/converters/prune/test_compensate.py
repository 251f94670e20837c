"""Mending a pruned network, front to back."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import onnx
import pytest
from onnx import helper

from edgeinfer_converters.graph.biases import add_biases
from edgeinfer_converters.graph.view import GraphView
from edgeinfer_converters.prune import compensate as module
from edgeinfer_converters.prune.compensate import ROUGH, THOROUGH, Pains, Repair, compensate
from edgeinfer_converters.prune.selection import left_outputs
from edgeinfer_converters.prune.surgery import keep_channels
from tests.fixtures.graphs import bottlenecks, classifier, conv, filters, graph_of, run, samples_of
from tests.fixtures.pruning import chosen, grouping_of

COUNT = 40


def pruned_and_mended(
    model: onnx.ModelProto, kept: dict[str, list[int]], *, biases_only: bool = False, pains: Pains = THOROUGH
) -> tuple[onnx.ModelProto, onnx.ModelProto, tuple[Repair, ...]]:
    grouping = grouping_of(model)
    smaller = keep_channels(model, grouping, kept)
    arrays = {name: np.array(one) for name, one in kept.items()}
    left = left_outputs(GraphView(model), grouping, arrays)
    mended, repairs = compensate(
        model, smaller, left, lambda: samples_of(model, COUNT), COUNT, biases_only=biases_only, pains=pains
    )
    return smaller, mended, repairs


def error(model: onnx.ModelProto, other: onnx.ModelProto) -> float:
    wanted = np.stack([run(model, one)[0] for one in samples_of(model, 20, seed=77)])
    found = np.stack([run(other, one)[0] for one in samples_of(model, 20, seed=77)])
    return float(np.square(wanted - found).sum() / np.square(wanted - wanted.mean(axis=0)).sum())


def twins(*, tail_relu: bool = False) -> onnx.ModelProto:
    first = filters(8, 4)
    first[4:] = 2 * first[:4]
    nodes = [
        conv("x", "a"),
        helper.make_node("Relu", ["a"], ["b"], "relu"),
        conv("b", "c" if tail_relu else "y", "v"),
    ]
    if tail_relu:
        nodes.append(helper.make_node("Relu", ["c"], ["y"], "relu_y"))
    return add_biases(graph_of(nodes, (1, 4, 8, 8), {"w": first, "v": filters(4, 8, seed=1)}))


def test_what_copies_carried_comes_back_exactly() -> None:
    model = twins()
    smaller, mended, (repair,) = pruned_and_mended(model, {"conv_a": [0, 1, 2, 3]})
    assert error(model, smaller) > 0.1
    assert error(model, mended) < 1e-4
    assert repair.node == "conv_y"
    assert repair.after < 1e-4 < repair.before
    assert repair.width == 36


def residual() -> onnx.ModelProto:
    """Conv, Relu, Conv, Add with a skip, Relu, Conv."""
    nodes = [
        conv("x", "a", "w"),
        helper.make_node("Relu", ["a"], ["b"], "relu_b"),
        conv("b", "c", "v"),
        helper.make_node("Add", ["c", "b"], ["d"], "add"),
        helper.make_node("Relu", ["d"], ["e"], "relu_e"),
        conv("e", "y", "u"),
    ]
    weights = {"w": filters(8, 4), "v": filters(8, 8, seed=1), "u": filters(4, 8, seed=2)}
    return graph_of(nodes, (1, 4, 8, 8), weights)


MODELS = {"residual": residual, "bottlenecks": bottlenecks, "classifier": classifier}


@pytest.mark.parametrize("name", sorted(MODELS))
def test_every_kind_of_network_gets_better(name: str) -> None:
    model = add_biases(MODELS[name]())
    kept = chosen(grouping_of(model), 1, share=0.6)
    smaller, mended, repairs = pruned_and_mended(model, kept)
    assert repairs
    assert error(model, mended) < 0.7 * error(model, smaller)


def test_weights_help_more_than_biases_alone() -> None:
    model = add_biases(bottlenecks())
    kept = chosen(grouping_of(model), 3, share=0.6)
    smaller, biases, _ = pruned_and_mended(model, kept, biases_only=True)
    _, mended, _ = pruned_and_mended(model, kept)
    assert error(model, mended) < error(model, biases) < error(model, smaller)
    changed = {
        old.name
        for old, new in zip(smaller.graph.initializer, biases.graph.initializer, strict=True)
        if old != new
    }
    assert changed
    assert all(len(one.dims) == 1 for one in biases.graph.initializer if one.name in changed)


def test_nothing_removed_is_nothing_to_mend() -> None:
    model = add_biases(residual())
    smaller, mended, repairs = pruned_and_mended(model, {})
    assert repairs == ()
    assert mended == smaller


def test_what_comes_before_the_loss_stays() -> None:
    model = add_biases(bottlenecks())
    name = grouping_of(model).groups[-1].name
    half = list(range(grouping_of(model)[name].channels // 2))
    _, _, repairs = pruned_and_mended(model, {name: half})
    nodes = [node.name for node in model.graph.node]
    assert min(nodes.index(one.node) for one in repairs) > nodes.index(name)


def test_what_a_relu_cuts_off_is_no_error(monkeypatch: pytest.MonkeyPatch) -> None:
    first = filters(8, 4)
    nodes = [
        conv("x", "a"),
        helper.make_node("Relu", ["a"], ["b"], "relu"),
        conv("b", "c", "v"),
        helper.make_node("Relu", ["c"], ["y"], "relu_y"),
    ]
    model = add_biases(graph_of(nodes, (1, 4, 8, 8), {"w": first, "v": filters(4, 8, seed=1)}))
    _, mended, _ = pruned_and_mended(model, {"conv_a": [0, 1, 2, 3]})
    linear_only = replace(THOROUGH, refinements=0)
    _, linear, _ = pruned_and_mended(model, {"conv_a": [0, 1, 2, 3]}, pains=linear_only)
    assert error(model, mended) < 0.97 * error(model, linear)


def test_little_is_enough_for_an_idea() -> None:
    model = residual()
    kept = {grouping_of(model).groups[0].name: [0, 1, 2, 3, 4]}
    smaller, mended, _ = pruned_and_mended(model, kept)
    _, roughly, repairs = pruned_and_mended(model, kept, pains=replace(ROUGH, samples=20))
    assert error(model, mended) < error(model, roughly) < error(model, smaller)
    assert all(np.isfinite(one.strength) and one.rows <= 20 * ROUGH.positions for one in repairs)


def test_a_sum_makes_up_for_its_other_side() -> None:
    """The skip is harmed too; the branch learns what the whole sum was."""
    model = add_biases(residual())
    kept = {grouping_of(model).groups[0].name: [0, 1, 2, 3, 4]}
    _, _, repairs = pruned_and_mended(model, kept)
    assert repairs[0].node == "conv_c"
    assert repairs[0].after < repairs[0].before


def test_wide_products_have_their_means_corrected(monkeypatch: pytest.MonkeyPatch) -> None:
    model = add_biases(twins())
    smaller, biases, _ = pruned_and_mended(model, {"conv_a": [0, 1, 2, 3]}, biases_only=True)
    monkeypatch.setattr(module, "MAX_WIDTH", 20)
    _, mended, _ = pruned_and_mended(model, {"conv_a": [0, 1, 2, 3]})
    assert mended == biases
    assert error(model, mended) < error(model, smaller)


def test_constants_that_two_products_share_stay() -> None:
    nodes = [conv("x", "a", "u"), conv("a", "b"), conv("b", "y")]
    model = graph_of(nodes, (1, 4, 8, 8), {"w": filters(4, 4), "u": filters(4, 4, seed=2)})
    smaller, mended, repairs = pruned_and_mended(model, {})
    assert repairs == ()
    assert mended == smaller


def test_the_same_twice() -> None:
    model = add_biases(bottlenecks())
    kept = chosen(grouping_of(model), 5, share=0.5)
    one, other = (pruned_and_mended(model, kept)[1] for _ in range(2))
    assert one.SerializeToString(deterministic=True) == other.SerializeToString(deterministic=True)


def test_progress_counts_products() -> None:
    model = twins(tail_relu=True)
    told: list[int] = []
    grouping = grouping_of(model)
    smaller = keep_channels(model, grouping, {"conv_a": [0, 1]})
    left = left_outputs(GraphView(model), grouping, {"conv_a": np.array([0, 1])})
    compensate(model, smaller, left, lambda: samples_of(model, 8), 8, progress=told.append)
    assert told == [1]
