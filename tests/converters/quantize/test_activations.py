"""The functions behind products."""

from __future__ import annotations

import numpy as np
import pytest
from onnx import helper

from edgeinfer_converters.graph.view import GraphView
from edgeinfer_converters.quantize.activations import (
    IDENTITY,
    SIGMOID,
    SILU,
    Activation,
    activation_behind,
    clamp,
)
from tests.fixtures.graphs import conv, filters, graph_of

VALUES = np.linspace(-8, 8, 401).astype(np.float32)


def behind(*nodes: object) -> Activation:
    """What is found behind the first convolution of a graph with these nodes after it."""
    weights = {"w": filters(), "v": filters(seed=1), "low": np.array(0.0), "high": np.array(6.0)}
    used = {name for node in nodes for name in node.input}  # type: ignore[attr-defined]  # nodes
    kept = {name: value for name, value in weights.items() if name == "w" or name in used}
    model = graph_of([conv("x", "a"), *nodes], (1, 4, 8, 8), kept)  # type: ignore[list-item]  # nodes
    return activation_behind(GraphView(model), "a")


@pytest.mark.parametrize("activation", [IDENTITY, SIGMOID, SILU, clamp(0.0, 6.0), clamp(None, None)])
def test_slopes_are_those_of_the_function(activation: Activation) -> None:
    middle = VALUES + np.float32(0.013)
    step = np.float32(1e-3)
    numeric = (activation.apply(middle + step) - activation.apply(middle - step)) / (2 * step)
    np.testing.assert_allclose(activation.slope(middle), numeric, atol=5e-3)
    assert activation.slope(VALUES).dtype == np.float32


def test_silu() -> None:
    gate = helper.make_node("Sigmoid", ["a"], ["g"], "gate")
    assert behind(gate, helper.make_node("Mul", ["a", "g"], ["b"], "mul"), conv("b", "y", "v")) is SILU
    np.testing.assert_allclose(SILU.apply(VALUES), VALUES / (1 + np.exp(-VALUES)), atol=1e-6)


def test_a_sigmoid_alone() -> None:
    assert behind(helper.make_node("Sigmoid", ["a"], ["g"], "gate"), conv("g", "y", "v")) is SIGMOID
    np.testing.assert_allclose(SIGMOID.apply(VALUES), 1 / (1 + np.exp(-VALUES)), atol=1e-6)


def test_a_gate_that_others_read_is_no_silu() -> None:
    nodes = [
        helper.make_node("Sigmoid", ["a"], ["g"], "gate"),
        helper.make_node("Mul", ["a", "g"], ["b"], "mul"),
        helper.make_node("Add", ["b", "g"], ["y"], "add"),
    ]
    assert behind(*nodes) is IDENTITY


def test_clamps() -> None:
    relu6 = behind(helper.make_node("Clip", ["a", "low", "high"], ["b"], "clip"), conv("b", "y", "v"))
    np.testing.assert_array_equal(relu6.apply(VALUES), np.clip(VALUES, 0, 6))
    relu = behind(helper.make_node("Relu", ["a"], ["b"], "relu"), conv("b", "y", "v"))
    np.testing.assert_array_equal(relu.apply(VALUES), np.maximum(VALUES, 0))


def test_anything_else_counts_as_it_is() -> None:
    assert behind(conv("a", "y", "v")) is IDENTITY
    assert behind(helper.make_node("Tanh", ["a"], ["y"], "tanh")) is IDENTITY
