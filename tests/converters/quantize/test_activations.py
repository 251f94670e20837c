"""The functions behind products."""

from __future__ import annotations

import math

import numpy as np
import onnx
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
from tests.fixtures.graphs import GELU_NUMBERS, conv, filters, gelu, graph_of, hard_swish

VALUES = np.linspace(-8, 8, 401).astype(np.float32)


def behind(*nodes: onnx.NodeProto) -> Activation:
    """What is found behind the first convolution of a graph with these nodes after it."""
    weights = {"w": filters(), "v": filters(seed=1), "low": np.array(0.0), "high": np.array(6.0)}
    weights |= {"three": np.array(3.0), **GELU_NUMBERS}
    used = {name for node in nodes for name in node.input}
    kept = {name: value for name, value in weights.items() if name == "w" or name in used}
    model = graph_of([conv("x", "a"), *nodes], (1, 4, 8, 8), kept)
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


def test_a_gate_that_others_read_too() -> None:
    nodes = [
        helper.make_node("Sigmoid", ["a"], ["g"], "gate"),
        helper.make_node("Mul", ["a", "g"], ["b"], "mul"),
        helper.make_node("Add", ["b", "g"], ["y"], "add"),
    ]
    found = behind(*nodes)
    assert found is not SILU
    np.testing.assert_allclose(found.apply(VALUES), (VALUES + 1) / (1 + np.exp(-VALUES)), atol=1e-5)


def test_clamps() -> None:
    relu6 = behind(helper.make_node("Clip", ["a", "low", "high"], ["b"], "clip"), conv("b", "y", "v"))
    np.testing.assert_array_equal(relu6.apply(VALUES), np.clip(VALUES, 0, 6))
    relu = behind(helper.make_node("Relu", ["a"], ["b"], "relu"), conv("b", "y", "v"))
    np.testing.assert_array_equal(relu.apply(VALUES), np.maximum(VALUES, 0))


def test_anything_else_counts_as_it_is() -> None:
    assert behind(conv("a", "y", "v")) is IDENTITY
    add = helper.make_node("Add", ["t", "a"], ["y"], "add")
    assert behind(helper.make_node("Tanh", ["a"], ["t"], "tanh"), conv("t", "u", "v"), add) is not IDENTITY
    # One that reads it raw makes every error count.
    nodes = [helper.make_node("Tanh", ["a"], ["t"], "tanh"), conv("a", "u", "v")]
    assert behind(*nodes, helper.make_node("Add", ["t", "u"], ["y"], "join")) is IDENTITY


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_function_of_several_operators_is_computed(dtype: type[np.floating]) -> None:
    found = behind(*gelu("a", "b"), conv("b", "y", "v"))
    values = VALUES.astype(dtype).reshape(1, 1, -1, 1)
    wanted = values * (1 + np.vectorize(math.erf)(values / math.sqrt(2))) / 2
    np.testing.assert_allclose(found.apply(values), wanted, atol=1e-6)
    assert found.apply(values).dtype == found.slope(values).dtype == dtype
    np.testing.assert_allclose(
        found.slope(values)[np.abs(values) > 6], np.where(values[np.abs(values) > 6] > 0, 1, 0), atol=1e-4
    )


def test_hard_swish_is_flat_below() -> None:
    found = behind(*hard_swish("a", "b"), conv("b", "y", "v"))
    np.testing.assert_array_equal(found.slope(VALUES[VALUES < -3.02]), 0.0)
    np.testing.assert_array_equal(found.slope(VALUES[VALUES > 3.02]), 1.0)


@pytest.mark.parametrize("kind", ["Exp", "Log", "Reciprocal", "Sqrt"])
def test_functions_that_are_steep_somewhere_do_not_count(kind: str) -> None:
    """A logarithm of next to nothing would outweigh all other errors."""
    assert behind(helper.make_node(kind, ["a"], ["b"], "steep"), conv("b", "y", "v")) is IDENTITY


@pytest.mark.parametrize("reach", [1e-4, 1.0, 1e4])
def test_slopes_of_small_and_large_numbers(reach: float) -> None:
    """The step is as small as the numbers are."""
    found = behind(helper.make_node("LeakyRelu", ["a"], ["b"], "leaky", alpha=0.25), conv("b", "y", "v"))
    values = reach * np.array([-1.0, -0.5, 0.5, 1.0], np.float32)
    np.testing.assert_allclose(found.slope(values), [0.25, 0.25, 1.0, 1.0], rtol=1e-3)
    assert found.slope(np.zeros(3, np.float32)).shape == (3,)
