"""x * sigmoid(x) with a scale for each channel, in integers."""

from __future__ import annotations

from typing import Literal

import numpy as np
import onnx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from onnx import helper

from edgeinfer.profile import Integer
from edgeinfer_converters.calibration.calibrate import observe
from edgeinfer_converters.calibration.channel_extremes import channel_extremes
from edgeinfer_converters.graph.biases import add_biases
from edgeinfer_converters.graph.shapes import infer_shapes
from edgeinfer_converters.graph.view import GraphView
from edgeinfer_converters.quantize import divided
from edgeinfer_converters.quantize.divided import MAX_COST, divide_gates
from edgeinfer_converters.quantize.extremes import Extremes
from edgeinfer_converters.quantize.gates import find_gates, gate_tensors, open_gates
from edgeinfer_converters.quantize.share import integer_share
from edgeinfer_converters.quantize.static import quantize_int8
from tests.fixtures.graphs import filters, graph_of, run, samples_of, sqnr_db

UNEVEN = np.array([100.0, 5.5, 30.0, 2.0])
EVEN = np.array([1.0, 0.9, 1.2, 1.0])


def gated(spread: np.ndarray) -> onnx.ModelProto:
    """A small convolution, x * sigmoid(x), and a large one to which each channel means as much."""
    nodes = [
        helper.make_node("Conv", ["x", "w"], ["a"], "conv_a"),
        helper.make_node("Sigmoid", ["a"], ["g"], "gate"),
        helper.make_node("Mul", ["g", "a"], ["b"], "mul"),
        helper.make_node("Conv", ["b", "v"], ["y"], "conv_y", pads=[2] * 4),
    ]
    weights = {
        "w": filters(size=1) * spread.reshape(4, 1, 1, 1),
        "v": filters(out=32, size=5, seed=1) / spread.reshape(1, 4, 1, 1),
    }
    return infer_shapes(add_biases(graph_of(nodes, (1, 32, 8, 8), weights)))


def ranges_of(model: onnx.ModelProto) -> dict[str, Extremes]:
    names = gate_tensors(GraphView(model))
    return dict(channel_extremes(model, names, samples_of(model, 16), total=16))


def divided_of(model: onnx.ModelProto) -> onnx.ModelProto:
    result = divide_gates(model, ranges_of(model))
    onnx.checker.check_model(result, full_check=True)
    return infer_shapes(result)


@pytest.mark.parametrize("activation", ["uint8", "int8"])
def test_channels_that_differ(activation: Literal["int8", "uint8"]) -> None:
    """Between those that need floats and those that one scale suits: better, and all in integers."""
    model = gated(UNEVEN)
    assert open_gates(model, ranges_of(model))[1] == frozenset()
    result = divided_of(model)
    samples = list(samples_of(model, 4, seed=9))
    wanted = np.stack([run(model, sample)[0] for sample in samples])
    assert sqnr_db(wanted, np.stack([run(result, sample)[0] for sample in samples])) > 40
    integer = Integer(activation=activation)
    found = []
    for graph in (model, result):
        ranges = observe(graph, samples_of(graph, 16), total=16, progress=lambda _: None)
        quantized = quantize_int8(graph, ranges, integer)
        share = integer_share(quantized)
        assert share.share == 1.0
        found.append(sqnr_db(wanted, np.stack([run(quantized, sample)[0] for sample in samples])))
    assert found[1] > found[0] + 6


def test_saturation_stands_in_for_the_clip() -> None:
    """What the division cuts off costs no operator."""
    result = divided_of(gated(UNEVEN))
    ranges = observe(result, samples_of(result, 16), total=16, progress=lambda _: None)
    quantized = quantize_int8(result, ranges, Integer(activation="uint8"))
    assert not [node.name for node in quantized.graph.node if node.op_type == "Clip"]


def test_channels_that_are_alike_stay_as_they_are() -> None:
    model = gated(EVEN)
    assert divided_of(model).graph == model.graph


def test_a_large_convolution_is_not_computed_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    model = gated(UNEVEN)
    assert len(divided_of(model).graph.node) == len(model.graph.node) + 2
    monkeypatch.setattr(divided, "MAX_COST", 0.001)
    assert divided_of(model).graph == model.graph
    monkeypatch.setattr(divided, "MAX_COST", MAX_COST)
    monkeypatch.setattr(divided, "MAX_COST_OF_ALL", 0.001)
    assert divided_of(model).graph == model.graph


def test_what_was_opened_is_not_divided() -> None:
    model = gated(UNEVEN * np.array([100.0, 1.0, 1.0, 1.0]))
    ranges = ranges_of(model)
    opened, floats = open_gates(model, ranges)
    assert floats
    opened = infer_shapes(opened)
    assert divide_gates(opened, ranges).graph == opened.graph


@given(
    high=st.lists(st.floats(0, 1e4, width=32), min_size=4, max_size=4),
    low=st.lists(st.floats(-1e4, 0, width=32), min_size=4, max_size=4),
)
def test_any_ranges_leave_the_function(high: list[float], low: list[float]) -> None:
    """Up to what a closed gate lets through, and whatever calibration saw of channels."""
    model = gated(EVEN)
    seen = ranges_of(model)["a"]
    ranges = Extremes(
        np.minimum(seen.low, np.array(low, np.float32)), np.maximum(seen.high, np.array(high, np.float32))
    )
    result = divide_gates(model, {"a": ranges})
    (sample,) = samples_of(model, 1, seed=3)
    assert sqnr_db(run(model, sample)[0], run(result, sample)[0]) > 35
    assert len(find_gates(GraphView(result))) == (1 if result is model else 0)


@pytest.mark.parametrize("name", ["a_whole", "a_closed", "conv_a_whole", "w_whole", "a_least", "mul_clip"])
def test_a_gate_whose_new_names_are_taken_is_left_alone(name: str) -> None:
    model = gated(UNEVEN)
    assert len(divided_of(model).graph.node) > len(model.graph.node)
    model.graph.node.append(helper.make_node("Relu", ["y"], ["z"], name))
    assert divide_gates(model, ranges_of(model)) is model
