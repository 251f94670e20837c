"""Weights that are no numbers."""

from __future__ import annotations

import numpy as np
import onnx
import pytest
from onnx import helper

from edgeinfer.errors import ModelError
from edgeinfer_converters.graph.view import GraphView
from edgeinfer_converters.quantize.finite import check_weights
from tests.fixtures.graphs import GRAPHS, PLANE, filters, graph_of


@pytest.mark.parametrize("name", sorted(GRAPHS))
def test_numbers_are_let_through(name: str) -> None:
    check_weights(GraphView(GRAPHS[name]()))


@pytest.mark.parametrize(("name", "value"), [("w", np.nan), ("w", np.inf), ("w", -np.inf), ("b", np.nan)])
def test_the_weights_and_their_operator_are_named(name: str, value: float) -> None:
    with pytest.raises(ModelError, match=f"`{name}` of Conv `stem` hold NaN or infinity") as caught:
        check_weights(GraphView(stem(name, value)))
    assert caught.value.hint


@pytest.mark.parametrize("value", [np.inf, -np.inf])
def test_a_bias_may_be_infinite(value: float) -> None:
    check_weights(GraphView(stem("b", value)))


def stem(name: str, value: float) -> onnx.ModelProto:
    weights = {"w": filters(), "b": np.zeros(4)}
    weights[name].flat[2] = value
    node = helper.make_node("Conv", ["x", "w", "b"], ["y"], "stem", pads=[1] * 4)
    return graph_of([node], PLANE, weights)
