"""x * sigmoid(x) with a scale for each channel."""

from __future__ import annotations

from typing import Literal

import numpy as np
import onnx
import pytest
from onnx import helper

from edgeinfer.profile import Integer
from edgeinfer_converters.calibration.calibrate import observe
from edgeinfer_converters.calibration.channel_extremes import channel_extremes
from edgeinfer_converters.calibration.streaming import stream
from edgeinfer_converters.graph.biases import add_biases
from edgeinfer_converters.graph.shapes import infer_shapes
from edgeinfer_converters.graph.view import GraphView
from edgeinfer_converters.quantize.extremes import Extremes
from edgeinfer_converters.quantize.gates import SHARES, gate_tensors, open_gates
from edgeinfer_converters.quantize.share import integer_share
from edgeinfer_converters.quantize.static import quantize_int8
from tests.fixtures.graphs import conv, filters, graph_of, run, samples_of, sqnr_db

UNEVEN = np.array([100.0, 0.5, 30.0, 0.3])
EVEN = np.array([1.0, 0.9, 1.2, 1.0])


def gated(spread: np.ndarray, *, last: bool = False) -> onnx.ModelProto:
    """Conv, x * sigmoid(x), and two convolutions that give each channel the same weight in the result."""
    nodes = [
        conv("x", "a"),
        helper.make_node("Sigmoid", ["a"], ["g"], "gate"),
        helper.make_node("Mul", ["g", "a"], ["y" if last else "b"], "mul"),
    ]
    weights = {"w": filters() * spread.reshape(4, 1, 1, 1)}
    if not last:
        nodes += [conv("b", "c", "v"), conv("b", "d", "u", group=4)]
        nodes.append(helper.make_node("Add", ["c", "d"], ["y"], "add"))
        undone = (1 / spread).reshape(1, 4, 1, 1)
        weights |= {"v": filters(seed=1) * undone, "u": filters(into=1, seed=2) / spread.reshape(4, 1, 1, 1)}
    return add_biases(graph_of(nodes, (1, 4, 8, 8), weights))


def ranges_of(model: onnx.ModelProto) -> dict[str, Extremes]:
    names = gate_tensors(GraphView(model))
    return dict(channel_extremes(model, names, samples_of(model, 16), total=16))


def opened(model: onnx.ModelProto) -> tuple[onnx.ModelProto, frozenset[str]]:
    result, floats = open_gates(model, ranges_of(model))
    onnx.checker.check_model(result, full_check=True)
    return infer_shapes(result), floats


@pytest.mark.parametrize("activation", ["uint8", "int8"])
def test_channels_that_differ_widely(activation: Literal["int8", "uint8"]) -> None:
    model = gated(UNEVEN)
    result, floats = opened(model)
    (sample,) = samples_of(model, 1, seed=9)
    wanted = run(model, sample)[0]
    assert sqnr_db(wanted, run(result, sample)[0]) > 40
    integer = Integer(activation=activation)
    found = []
    for graph, exclude in ((model, frozenset[str]()), (result, floats)):
        ranges = observe(graph, samples_of(graph, 16), total=16, progress=lambda _: None)
        quantized = quantize_int8(graph, ranges, integer, exclude=exclude)
        assert integer_share(quantized).share == 1.0
        found.append(sqnr_db(wanted, run(quantized, sample)[0]))
    assert found[1] > found[0] + 12


def test_channels_that_are_alike_stay_integer() -> None:
    model = gated(EVEN)
    result, floats = opened(model)
    assert floats == frozenset()
    assert list(result.graph.node) == list(model.graph.node)


def test_a_gate_at_the_end_has_no_weights_behind_it() -> None:
    assert gate_tensors(GraphView(gated(UNEVEN, last=True))) == ()


def test_weights_of_two_nodes_are_left_alone() -> None:
    nodes = [
        conv("x", "a"),
        helper.make_node("Sigmoid", ["a"], ["g"], "gate"),
        helper.make_node("Mul", ["a", "g"], ["b"], "mul"),
        conv("b", "y"),
    ]
    model = add_biases(graph_of(nodes, (1, 4, 8, 8), {"w": filters()}))
    assert gate_tensors(GraphView(model)) == ()


@pytest.mark.parametrize(("height", "most"), [(60.0, 0.2), (0.01, 1.0)])
def test_few_levels_are_below_zero_where_channels_are_high(height: float, most: float) -> None:
    """And many where they are as good as closed."""
    model = gated(UNEVEN)
    high = np.array([1000.0, height, height, height], np.float32)
    result, _ = open_gates(model, {"a": Extremes(np.full(4, -5.0, np.float32), high)})
    values = GraphView(result).constant("a_least")
    share = -float(values)
    assert share <= most
    assert share > 0.4 or height > 1
    assert 255 * share / (1 + share) == pytest.approx(round(255 * share / (1 + share)), abs=1e-4)


def test_no_channel_leaves_the_range_of_an_opened_gate() -> None:
    model = gated(UNEVEN)
    result, floats = opened(model)
    names = [node.output[0] for node in result.graph.node if node.op_type == "Clip"]
    names += [node.output[0] for node in result.graph.node if node.name == "mul"]
    assert floats
    assert len(names) == 2
    share = -float(GraphView(result).constant("a_least"))
    bounds = dict(zip(names, (share, SHARES[0]), strict=True))
    for values in stream(result, tuple(names), samples_of(result, 16), total=16):
        for name, array in values.items():
            assert array.max() <= 1 + 1e-5
            assert array.min() >= -bounds[name] - 1e-6


def test_closed_and_dead_channels() -> None:
    model = gated(UNEVEN)
    low = np.array([-1e4, -1.0, 0.0, 0.0], np.float32)
    high = np.array([50.0, 1.0, 0.0, 1.0], np.float32)
    result, floats = open_gates(model, {"a": Extremes(low, high)})
    assert len(floats) == 4
    (sample,) = samples_of(model, 1, seed=9)
    assert np.isfinite(run(result, sample)[0]).all()
