"""Where QuantizeLinear and DequantizeLinear go."""

from __future__ import annotations

import numpy as np
import pytest
from onnx import helper

from edgeinfer_converters.graph.view import GraphView
from edgeinfer_converters.quantize.operators import weight_input
from edgeinfer_converters.quantize.placement import observed_tensors, place
from tests.fixtures.graphs import (
    GRAPHS,
    PLANE,
    classifier,
    clipped,
    concatenation,
    conv,
    distances,
    filters,
    graph_of,
    residual,
    silu,
)


def test_a_classifier_is_integer_to_its_last_product() -> None:
    placement = place(GraphView(classifier()))
    assert placement.nodes == {"conv1", "conv2", "pool", "flatten", "linear"}
    assert placement.tensors == ("image", "r1", "r2", "p", "f")
    assert placement.absorbed == {"c1": "r1", "c2": "r2"}
    assert placement.leader["f"] == "p"
    assert not placement.floats


def test_a_clamp_is_absorbed_behind_any_integer_operator() -> None:
    placement = place(GraphView(residual()))
    assert placement.absorbed == {"a": "b", "d": "e"}
    assert placement.tensors == ("x", "b", "c", "e", "y")


def test_the_tail_stays_float_and_moves_share_a_scale() -> None:
    placement = place(GraphView(silu()))
    assert "tail" not in placement.nodes
    assert {"sigmoid", "mul", "pool"} <= placement.nodes
    assert placement.leader["p"] == "m"
    assert placement.tensors[-1] == "q"


def test_a_concatenation_shares_with_inputs_that_nothing_else_reads() -> None:
    placement = place(GraphView(concatenation()))
    assert placement.leader["c"] == placement.leader["a"] == "a"
    assert placement.leader["b"] == "b"


def test_expected_values_are_decoding() -> None:
    placement = place(GraphView(distances()))
    assert placement.floats == {"expect": "it weighs the probabilities of a Softmax"}
    assert placement.nodes == {"conv_a", "conv_bins", "conv_logits"}
    assert placement.finals == {"bins", "logits"}


def test_excluded_operators_stay_float() -> None:
    view = GraphView(residual())
    placement = place(view, frozenset({"conv_c", "add"}))
    assert placement.floats == {"conv_c": "it was excluded"}
    assert "add" not in placement.nodes
    assert "c" not in placement.tensors
    assert "e" in placement.tensors


def test_a_clamp_that_takes_zero_away_is_not_absorbed() -> None:
    assert place(GraphView(clipped(1.0, 6.0))).absorbed == {}
    assert place(GraphView(clipped(-1.0, 0.0))).absorbed == {"a": "b"}


def test_a_result_with_two_readers_is_not_absorbed() -> None:
    nodes = [
        conv("x", "a"),
        helper.make_node("Relu", ["a"], ["b"], "relu"),
        helper.make_node("Add", ["a", "b"], ["c"], "add"),
        conv("c", "y"),
    ]
    placement = place(GraphView(graph_of(nodes, PLANE, {"w": filters()})))
    assert placement.absorbed == {}
    assert {"a", "b"} <= set(placement.tensors)


@pytest.mark.parametrize("name", sorted(GRAPHS))
def test_what_is_observed_leads_to_every_scale(name: str) -> None:
    view = GraphView(GRAPHS[name]())
    placement = place(view, integer_results=True)
    observed = set(observed_tensors(view))
    assert observed <= set(placement.tensors)
    assert set(place(view).tensors) <= set(placement.tensors)
    assert {placement.leader[name] for name in observed} == set(placement.leader.values())
    assert not observed & placement.absorbed.keys()


def test_moved_tensors_are_not_observed() -> None:
    assert observed_tensors(GraphView(classifier())) == ("image", "r1", "r2", "p", "logits")
    assert "p" not in observed_tensors(GraphView(silu()))


def test_products_that_cannot_be_integer_say_why() -> None:
    nodes = [helper.make_node("Gemm", ["x", "w"], ["y"], "g", alpha=0.5)]
    view = GraphView(graph_of(nodes, (2, 3), {"w": np.ones((4, 3))}, shape=(2, 4)))
    assert place(view).floats == {"g": "it transposes or scales its input"}
    nodes = [helper.make_node("Conv", ["x", "x"], ["y"], "c")]
    view = GraphView(graph_of(nodes, (4, 4, 1, 1), {}, shape=(4, 4, 1, 1)))
    assert place(view).floats == {"c": "its weights are not constant"}


def test_a_product_of_two_activations_is_integer() -> None:
    nodes = [
        helper.make_node("Transpose", ["x"], ["t"], "t", perm=[0, 2, 1]),
        helper.make_node("MatMul", ["x", "t"], ["y"], "m"),
    ]
    view = GraphView(graph_of(nodes, (1, 4, 4), {}, shape=(1, 4, 5)))
    placement = place(view)
    assert placement.nodes == {"t", "m"}
    assert placement.leader["t"] == "x"
    assert weight_input(view.nodes[-1], view) is None


def test_a_product_of_two_activations_is_float_in_tflite() -> None:
    nodes = [
        conv("x", "a"),
        helper.make_node("Transpose", ["a"], ["t"], "t", perm=[0, 1, 3, 2]),
        helper.make_node("MatMul", ["a", "t"], ["m"], "m"),
        conv("m", "y", "v"),
    ]
    view = GraphView(graph_of(nodes, PLANE, {"w": filters(), "v": filters(seed=1)}))
    assert "m" in place(view).nodes
    placement = place(view, integer_results=True)
    assert placement.floats == {"m": "TFLite multiplies two activations faster in float"}
    assert {"conv_a", "conv_y"} <= placement.nodes
    assert {"x", "a", "m"} <= {*observed_tensors(view)}  # what either of them needs


@pytest.mark.parametrize(("size", "integer"), [(5, True), (7, False)])
def test_depthwise_over_large_windows_is_float_in_tflite(size: int, *, integer: bool) -> None:
    weights = {"w": np.random.default_rng(0).normal(size=(4, 1, size, size)), "v": filters()}
    deep = helper.make_node("Conv", ["x", "w"], ["a"], "deep", group=4, pads=[size // 2] * 4)
    view = GraphView(graph_of([deep, conv("a", "y", "v")], PLANE, weights))
    assert "deep" in place(view).nodes
    placement = place(view, integer_results=True)
    assert ("deep" in placement.nodes) is integer
    assert placement.floats == (
        {} if integer else {"deep": "TFLite has no integer kernel for more than 25 taps"}
    )


@pytest.mark.parametrize(("value", "integer"), [(-1.0, True), (-np.inf, False)])
def test_a_mask_of_infinities_is_added_in_float(value: float, *, integer: bool) -> None:
    mask = np.zeros(PLANE)
    mask[0, 1] = value
    nodes = [conv("x", "a"), helper.make_node("Add", ["a", "mask"], ["b"], "masked"), conv("b", "y", "v")]
    view = GraphView(graph_of(nodes, PLANE, {"w": filters(), "v": filters(seed=1), "mask": mask}))
    assert ("masked" in place(view).nodes) is integer


@pytest.mark.parametrize("integer_results", [False, True])
def test_results_are_what_no_product_follows(integer_results: bool) -> None:
    """A float operator between two products does not make the first one's result the model's."""
    nodes = [
        conv("x", "a"),
        helper.make_node("Exp", ["a"], ["b"], "exp"),
        conv("b", "c", "v"),
        helper.make_node("Exp", ["c"], ["y"], "tail"),
    ]
    view = GraphView(graph_of(nodes, (1, 4, 8, 8), {"w": filters(), "v": filters(seed=1)}))
    placement = place(view, integer_results=integer_results)
    assert {"a", "b", "c"} <= set(placement.tensors)
    assert placement.finals == {"c"}
