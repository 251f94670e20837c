"""What integer kernels do, by operator."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx
import pytest
from onnx import helper

from edgeinfer_converters.graph.view import GraphView
from edgeinfer_converters.quantize.operators import (
    bias_input,
    channel_axis,
    clamp_bounds,
    data_inputs,
    is_compute,
    is_move,
    product_fault,
    weight_input,
)
from tests.fixtures.graphs import clipped, graph_of


def test_operators_by_kind() -> None:
    def node(op_type: str, *inputs: str, **attributes: Any) -> onnx.NodeProto:
        return helper.make_node(op_type, list(inputs), ["y"], **attributes)

    assert is_move(node("Resize", "x", mode="nearest"))
    assert not is_move(node("Resize", "x", mode="linear"))
    assert is_move(node("MaxPool", "x"))
    assert not is_move(helper.make_node("MaxPool", ["x"], ["y", "indices"]))
    assert is_compute(node("Sigmoid", "x"))
    assert not is_compute(node("Sigmoid", "x", domain="other"))
    assert data_inputs(node("Concat", "a", "b", "c")) == ("a", "b", "c")
    assert data_inputs(node("Reshape", "a", "shape")) == ("a",)
    assert data_inputs(node("Conv", "a", "w", "b")) == ("a", "w")
    assert bias_input(node("Conv", "a", "w", "b")) == "b"
    assert bias_input(node("Conv", "a", "w")) is None


@pytest.mark.parametrize(
    ("op_type", "attributes", "rank", "axis"),
    [
        ("Conv", {}, 4, 0),
        ("ConvTranspose", {}, 4, 1),
        ("ConvTranspose", {"group": 2}, 4, None),
        ("Gemm", {}, 2, 1),
        ("Gemm", {"transB": 1}, 2, 0),
        ("MatMul", {}, 2, 1),
        ("MatMul", {}, 3, None),
    ],
)
def test_the_axis_of_output_channels(
    op_type: str, attributes: dict[str, Any], rank: int, axis: int | None
) -> None:
    assert channel_axis(helper.make_node(op_type, ["x", "w"], ["y"], **attributes), rank) == axis


def test_bounds_of_clamps() -> None:
    view = GraphView(clipped(-1.0, 2.0))
    clip = next(node for node in view.nodes if node.op_type == "Clip")
    assert clamp_bounds(clip, view) == (-1.0, 2.0)
    assert clamp_bounds(helper.make_node("Relu", ["x"], ["y"]), view) == (0.0, None)
    assert clamp_bounds(helper.make_node("Clip", ["x"], ["y"]), view) == (None, None)
    assert clamp_bounds(helper.make_node("Clip", ["x", "", "high"], ["y"]), view) == (None, 2.0)
    assert clamp_bounds(helper.make_node("Clip", ["x", "x"], ["y"]), view) is None
    assert clamp_bounds(helper.make_node("Neg", ["x"], ["y"]), view) is None
    assert product_fault(view.nodes[0], view) is None


def test_weights() -> None:
    view = GraphView(clipped())
    assert weight_input(view.nodes[0], view) == "w"
    assert weight_input(helper.make_node("MatMul", ["x", "x"], ["y"]), view) is None


@pytest.mark.parametrize(
    ("low", "high", "bounds"), [(-np.inf, np.inf, (None, None)), (-1.0, np.inf, (-1.0, None))]
)
def test_an_infinite_bound_is_none(
    low: float, high: float, bounds: tuple[float | None, float | None]
) -> None:
    view = GraphView(clipped(low, high))
    clip = next(node for node in view.nodes if node.op_type == "Clip")
    assert clamp_bounds(clip, view) == bounds


@pytest.mark.parametrize(
    ("bias", "integer"),
    [((), True), ((1,), True), ((5,), True), ((1, 5), True), ((8, 1), False), ((8, 5), False)],
)
def test_a_bias_that_differs_by_row_has_no_integer_kernel(bias: tuple[int, ...], *, integer: bool) -> None:
    view = linear(np.ones(bias))
    fault = product_fault(view.nodes[-1], view)
    assert fault == (None if integer else "its bias is not the same for each row")


def test_an_infinite_bias_has_no_integer() -> None:
    view = linear(np.array([0, 0, -np.inf, 0, 0]))
    assert product_fault(view.nodes[-1], view) == "its bias is infinite"


def linear(bias: np.ndarray) -> GraphView:
    nodes = [helper.make_node("Gemm", ["x", "w", "b"], ["y"], "linear")]
    return GraphView(graph_of(nodes, (8, 5), {"w": np.ones((4, 5)), "b": bias}, shape=(8, 4)))
