"""The smaller model computes what the silenced one does, whatever the graph."""

from __future__ import annotations

import numpy as np
import onnx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from onnx import helper, numpy_helper

from edgeinfer.errors import ModelError
from edgeinfer_converters.graph.macs import count_macs
from edgeinfer_converters.graph.shapes import infer_shapes, known_shapes
from edgeinfer_converters.graph.view import GraphView
from edgeinfer_converters.prune.selection import macs_of
from edgeinfer_converters.prune.surgery import keep_channels
from edgeinfer_converters.tflite.convert import to_tflite
from tests.fixtures.branches import KINDS, TAILS
from tests.fixtures.graphs import conv, filters, graph_of, run, samples_of
from tests.fixtures.lite import run_lite
from tests.fixtures.pruning import PLANE, between, branches, check_pruned, chosen, grouping_of, one


def constants(model: onnx.ModelProto) -> dict[str, np.ndarray]:
    return {tensor.name: numpy_helper.to_array(tensor) for tensor in model.graph.initializer}


@settings(max_examples=150)
@given(
    kinds=st.lists(st.sampled_from(KINDS), max_size=8),
    tail=st.sampled_from(TAILS),
    seed=st.integers(0, 10_000),
)
def test_removing_is_the_same_as_silencing(kinds: list[str], tail: str, seed: int) -> None:
    model = branches("conv", *kinds, tail=tail, seed=seed)
    grouping = grouping_of(model)
    kept = chosen(grouping, seed)
    smaller = check_pruned(model, kept)
    assert sum(count_macs(smaller).values()) == macs_of(GraphView(model), grouping, kept)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("seed", [1, 2])
def test_each_kind_alone_between_convolutions(kind: str, seed: int) -> None:
    model = branches("conv", "relu", kind, "conv", tail="pooled", seed=seed)
    check_pruned(model, chosen(grouping_of(model), seed, share=0.6))


@pytest.mark.parametrize("tail", TAILS)
def test_each_tail_alone(tail: str) -> None:
    model = branches("conv", "relu", tail=tail, seed=3)
    check_pruned(model, chosen(grouping_of(model), share=0.5))


LITE = (
    ("depthwise", "excite", "pointwise", "add"),
    ("shuffle", "grouped", "split", "relu"),
    ("dense", "slice", "norm", "silu"),
    ("last", "concat", "resize", "prelu"),
)


@pytest.mark.parametrize("kinds", LITE, ids=lambda kinds: "-".join(kinds))
@pytest.mark.parametrize("tail", ["flat", "mean"])
def test_the_smaller_model_becomes_a_tflite_file_that_agrees(kinds: tuple[str, ...], tail: str) -> None:
    model = branches("conv", *kinds, tail=tail, seed=5)
    smaller = check_pruned(model, chosen(grouping_of(model), 5, share=0.6))
    sample = next(samples_of(smaller, 1))
    (found,) = run_lite(to_tflite(smaller), sample).values()
    np.testing.assert_allclose(found, run(smaller, sample)[0], rtol=1e-3, atol=1e-4)


def test_weights_are_cut_as_by_hand() -> None:
    model = between([one("Relu")])
    smaller = keep_channels(model, grouping_of(model), {"conv_a": [2, 0]})
    before, after = constants(model), constants(smaller)
    np.testing.assert_array_equal(after["w"], before["w"][[0, 2]])
    np.testing.assert_array_equal(after["v"], before["v"][:, [0, 2]])
    assert known_shapes(smaller)["b"] == (1, 2, 8, 8)


def test_a_flattened_plane_loses_its_block_of_columns() -> None:
    weights = {"w": filters(), "linear": np.arange(4.0 * 64 * 2).reshape(4 * 64, 2)}
    nodes = [
        conv("x", "a"),
        one("Flatten", ["a"], ["f"]),
        helper.make_node("Gemm", ["f", "linear"], ["y"], "g"),
    ]
    model = graph_of(nodes, (1, 2), weights)
    name = model.graph.node[-1].input[1]
    axis = 1 if any(one.name == "transB" and one.i for one in model.graph.node[-1].attribute) else 0
    smaller = check_pruned(model, {"conv_a": [1, 3]})
    wanted = np.concatenate([np.arange(64, 128), np.arange(192, 256)])
    np.testing.assert_array_equal(constants(smaller)[name], constants(model)[name].take(wanted, axis))


def test_nothing_changes_where_all_is_kept() -> None:
    model = branches("conv", "excite", "concat", "conv", tail="flat")
    assert keep_channels(model, grouping_of(model), {}) == model
    everything = {group.name: range(group.channels) for group in grouping_of(model).groups}
    assert keep_channels(model, grouping_of(model), everything) == model


def test_the_same_choice_gives_the_same_bytes_and_leaves_the_model_alone() -> None:
    model = branches("conv", "shuffle", "split", "norm", "scale", tail="flat", seed=2)
    before = model.SerializeToString(deterministic=True)
    kept = chosen(grouping_of(model), share=0.5)
    first, second = (keep_channels(model, grouping_of(model), kept) for _ in range(2))
    assert first.SerializeToString(deterministic=True) == second.SerializeToString(deterministic=True)
    assert model.SerializeToString(deterministic=True) == before


def test_an_empty_layer_is_refused_by_name() -> None:
    model = between([one("Relu")])
    with pytest.raises(ModelError, match="nothing of `a`, the result of `conv_a`") as caught:
        keep_channels(model, grouping_of(model), {"conv_a": []})
    assert caught.value.hint


def test_a_part_that_a_split_would_lose_is_refused_by_name() -> None:
    split = one("Split", ["a", "sizes"], ["c", "d"], axis=1)
    model = between([split, one("Concat", ["d", "c"], axis=1)], {"sizes": np.array([1, 3])})
    with pytest.raises(ModelError, match="nothing of `c`, the result of `split_c`"):
        keep_channels(model, grouping_of(model), {"conv_a": [1, 2, 3]})


def test_a_constant_that_is_read_twice_is_copied_where_the_readers_part() -> None:
    """The one bias belongs to two layers that lose different channels."""
    nodes = [
        helper.make_node("Conv", ["x", "w", "bias"], ["a"], "conv_a", pads=[1] * 4),
        helper.make_node("Conv", ["a", "u", "bias"], ["c"], "conv_c", pads=[1] * 4),
        conv("c", "y", "v"),
    ]
    weights = {"w": filters(), "u": filters(seed=2), "v": filters(seed=3), "bias": np.arange(4.0)}
    model = graph_of(nodes, PLANE, weights)
    name = model.graph.node[0].input[2]
    assert model.graph.node[1].input[2] == name
    smaller = check_pruned(model, {"conv_a": [0, 3], "conv_c": [1]})
    biases = [constants(smaller)[node.input[2]] for node in smaller.graph.node[:2]]
    np.testing.assert_array_equal(biases[0], [0.0, 3.0])
    np.testing.assert_array_equal(biases[1], [1.0])
    assert len({tensor.name for tensor in smaller.graph.initializer}) == len(smaller.graph.initializer)


def test_a_constant_that_another_node_reads_whole_stays() -> None:
    """A shape of five dimensions that two Reshapes share, of which one has other channels."""
    nodes = [
        one("Mul", ["a", "k"], ["b"]),
        one("Mul", ["x", "k"], ["x2"]),
        helper.make_node("Conv", ["x2", "u"], ["z"], "conv_z"),
    ]
    model = between(nodes, {"k": np.arange(4.0).reshape(4, 1, 1), "u": filters(4, 4, 1)})
    model.graph.output.append(onnx.helper.make_tensor_value_info("z", 1, PLANE))
    smaller = check_pruned(infer_shapes(model), {"conv_a": [1, 2]})
    assert constants(smaller)["k"].shape == (4, 1, 1)
    assert constants(smaller)[smaller.graph.node[1].input[1]].shape == (2, 1, 1)


def test_constants_that_are_outputs_of_the_graph_stay_whole() -> None:
    model = between([one("Mul", ["a", "k"], ["b"])], {"k": np.arange(4.0).reshape(4, 1, 1)})
    model.graph.output.append(onnx.helper.make_tensor_value_info("k", 1, (4, 1, 1)))
    smaller = check_pruned(model, {"conv_a": [1, 2]})
    assert constants(smaller)["k"].shape == (4, 1, 1)


def test_what_no_node_reads_any_more_is_gone() -> None:
    shape = np.array([1, 4, 64])
    nodes = [
        one("Reshape", ["a", "rows"], ["c"]),
        one("Reshape", ["c", "planes"], ["d"]),
        one("Reshape", ["d", "rows"], ["e"]),
        one("Reshape", ["e", "planes"], ["b"]),
    ]
    model = between(nodes, {"rows": shape, "planes": np.array(PLANE)})
    smaller = check_pruned(model, {"conv_a": [0, 1, 3]})
    read = {name for node in smaller.graph.node for name in node.input}
    assert {tensor.name for tensor in smaller.graph.initializer} <= read


def test_names_that_are_taken_are_not_taken_again() -> None:
    nodes = [one("Mul", ["a", "k"], ["k_kept"]), one("Add", ["k_kept", "k"], ["b"])]
    model = between(nodes, {"k": np.arange(4.0).reshape(4, 1, 1)})
    smaller = check_pruned(model, {"conv_a": [1, 2]})
    assert {"k_kept_2", "k_kept_3"} <= set(constants(smaller))


def test_a_grouping_of_another_graph_is_refused() -> None:
    with pytest.raises(ModelError, match="`conv_z`"):
        keep_channels(between([one("Relu")]), grouping_of(between([one("Relu")])), {"conv_z": [0]})
