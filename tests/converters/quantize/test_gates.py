"""x * sigmoid(x) behind a convolution: which ones there are, and one range for all channels."""

from __future__ import annotations

import numpy as np
import onnx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from onnx import helper

from edgeinfer_converters.graph.biases import add_biases
from edgeinfer_converters.graph.view import GraphView
from edgeinfer_converters.quantize.extremes import Extremes
from edgeinfer_converters.quantize.gates import SHARES, common_range, few_levels, find_gates, gate_tensors
from tests.fixtures.graphs import conv, filters, graph_of

REACHES = arrays(np.float64, 5, elements=st.floats(0, 1e4))


def gated(*, last: bool = False, same_weights: bool = False) -> onnx.ModelProto:
    """Conv, x * sigmoid(x), and two convolutions."""
    nodes = [
        conv("x", "a"),
        helper.make_node("Sigmoid", ["a"], ["g"], "gate"),
        helper.make_node("Mul", ["g", "a"], ["y" if last else "b"], "mul"),
    ]
    weights = {"w": filters()}
    if not last:
        nodes += [conv("b", "c", "w" if same_weights else "v"), conv("b", "d", "u", group=4)]
        nodes.append(helper.make_node("Add", ["c", "d"], ["y"], "add"))
        weights |= {"v": filters(seed=1), "u": filters(into=1, seed=2)}
    return add_biases(graph_of(nodes, (1, 4, 8, 8), weights))


def test_a_gate_that_convolutions_read() -> None:
    assert gate_tensors(GraphView(gated())) == ("a",)


def test_hard_swish_is_a_gate_that_closes_sooner() -> None:
    nodes = [conv("x", "a"), helper.make_node("HardSwish", ["a"], ["b"], "swish"), conv("b", "y", "v")]
    weights = {"w": filters(), "v": filters(seed=1)}
    (gate,) = find_gates(GraphView(add_biases(graph_of(nodes, (1, 4, 8, 8), weights))))
    assert (gate.source, gate.target, gate.name, gate.is_hard) == ("a", "b", "swish", True)
    assert (gate.closed, gate.most) == (-3.0, 6.0)
    seen = Extremes(np.full(4, -8, np.float32), np.array([40, 0, 0, 0], np.float32))
    assert few_levels(seen, 32, gate.closed) == 0.75
    assert few_levels(seen, 32) == 0.0


def test_hard_swish_of_what_others_read_is_none() -> None:
    nodes = [
        conv("x", "a"),
        helper.make_node("HardSwish", ["a"], ["b"], "swish"),
        conv("b", "c", "v"),
        helper.make_node("Add", ["a", "c"], ["y"], "add"),
    ]
    weights = {"w": filters(), "v": filters(seed=1)}
    assert find_gates(GraphView(add_biases(graph_of(nodes, (1, 4, 8, 8), weights)))) == []


def test_a_gate_at_the_end_has_no_weights_behind_it() -> None:
    assert gate_tensors(GraphView(gated(last=True))) == ()


def test_weights_of_two_nodes_are_left_alone() -> None:
    assert gate_tensors(GraphView(gated(same_weights=True))) == ()


def test_a_gate_that_something_else_reads_too() -> None:
    model = gated()
    model.graph.node.append(helper.make_node("Relu", ["a"], ["z"], "relu"))
    assert gate_tensors(GraphView(model)) == ()


@pytest.mark.parametrize(("low", "few"), [(-1.0, 0.75), (-7.0, 0.0), (-1000.0, 0.0)])
def test_channels_count_as_far_as_they_matter(low: float, few: float) -> None:
    """Below -8 a gate is closed: a channel that goes to -1000 there wants no more levels than one to -8."""
    extremes = Extremes(np.full(4, low, np.float32), np.array([100.0, 0.5, 1.0, 0.3], np.float32))
    assert few_levels(extremes, 16) == few


@pytest.mark.parametrize(("height", "most"), [(60.0, 0.2), (0.01, 1.0)])
def test_few_levels_are_below_zero_where_channels_are_high(height: float, most: float) -> None:
    """And many where they are as good as closed."""
    _, share = common_range(np.array([1000.0, height, height, height]), np.full(4, 5.0))
    assert share <= most
    assert share > 0.4 or height > 1
    assert 255 * share / (1 + share) == pytest.approx(round(255 * share / (1 + share)), abs=1e-4)


@given(above=REACHES, below=REACHES)
def test_all_channels_fit_the_common_range(above: np.ndarray, below: np.ndarray) -> None:
    """Those that are dead and those that are always closed too."""
    divisors, share = common_range(above, below)
    assert share in SHARES
    assert (divisors > 0).all()
    assert (above / divisors <= 1 + 1e-9).all()
    assert (below / divisors <= share + 1e-9).all()
