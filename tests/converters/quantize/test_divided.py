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
from edgeinfer_converters.calibration.streaming import stream
from edgeinfer_converters.graph.biases import add_biases
from edgeinfer_converters.graph.shapes import infer_shapes
from edgeinfer_converters.graph.view import GraphView
from edgeinfer_converters.quantize.divided import DENSE_CHANNELS, divide_gates
from edgeinfer_converters.quantize.extremes import Extremes
from edgeinfer_converters.quantize.gates import find_gates, gate_tensors
from edgeinfer_converters.quantize.share import integer_share
from edgeinfer_converters.quantize.static import quantize_int8
from tests.fixtures.graphs import filters, graph_of, run, samples_of, sqnr_db

UNEVEN = np.array([100.0, 5.5, 30.0, 2.0])
VERY_UNEVEN = np.array([100.0, 1.0, 30.0, 0.6])
EVEN = np.array([1.0, 0.9, 1.2, 1.0])


def gated(spread: np.ndarray, *, hard: bool = False) -> onnx.ModelProto:
    """A convolution, a gate, and a convolution behind it to which each channel means as much.

    The gate is x * sigmoid(x), or HardSwish.
    """
    channels = len(spread)
    soft = [
        helper.make_node("Sigmoid", ["a"], ["g"], "gate"),
        helper.make_node("Mul", ["g", "a"], ["b"], "mul"),
    ]
    nodes = [
        helper.make_node("Conv", ["x", "w"], ["a"], "conv_a"),
        *([helper.make_node("HardSwish", ["a"], ["b"], "mul")] if hard else soft),
        helper.make_node("Conv", ["b", "v"], ["y"], "conv_y", pads=[2] * 4),
    ]
    weights = {
        "w": filters(out=channels, size=1) * spread.reshape(-1, 1, 1, 1),
        "v": filters(out=32, into=channels, size=5, seed=1) / spread.reshape(1, -1, 1, 1),
    }
    return infer_shapes(add_biases(graph_of(nodes, (1, 32, 8, 8), weights)))


def ranges_of(model: onnx.ModelProto) -> dict[str, Extremes]:
    names = gate_tensors(GraphView(model))
    return dict(channel_extremes(model, names, samples_of(model, 16), total=16))


def divided_of(model: onnx.ModelProto, *, thrifty: bool = False) -> onnx.ModelProto:
    result = divide_gates(model, ranges_of(model), thrifty=thrifty).model
    onnx.checker.check_model(result, full_check=True)
    return result


@pytest.mark.parametrize("activation", ["uint8", "int8"])
@pytest.mark.parametrize(
    ("spread", "gain"), [(UNEVEN, 4), (VERY_UNEVEN, 8), (np.tile(VERY_UNEVEN, DENSE_CHANNELS // 2), 8)]
)
@pytest.mark.parametrize("hard", [False, True])
def test_channels_that_differ(
    activation: Literal["int8", "uint8"], spread: np.ndarray, gain: float, hard: bool
) -> None:
    """Better, and all in integers, with a matrix of factors and with one for each channel."""
    model = gated(spread, hard=hard)
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
    assert found[1] > found[0] + gain


@pytest.mark.parametrize("hard", [False, True])
def test_saturation_stands_in_for_the_clip(hard: bool) -> None:
    """What the division cuts off costs no operator, nor do the bounds of a hard gate."""
    result = divided_of(gated(UNEVEN, hard=hard))
    ranges = observe(result, samples_of(result, 16), total=16, progress=lambda _: None)
    quantized = quantize_int8(result, ranges, Integer(activation="uint8"))
    assert not [node.name for node in quantized.graph.node if node.op_type == "Clip"]


def test_channels_that_are_alike_stay_as_they_are() -> None:
    model = gated(EVEN)
    assert divided_of(model) is model


@pytest.mark.parametrize("thrifty", [False, True])
@pytest.mark.parametrize("few", [4, DENSE_CHANNELS, DENSE_CHANNELS + 4])
def test_few_channels_have_a_matrix_of_factors(few: int, thrifty: bool) -> None:
    """Not where multiply-accumulates are counted."""
    result = divided_of(gated(np.tile(VERY_UNEVEN, few // 4)), thrifty=thrifty)
    factors = GraphView(result).constant("a_factors")
    (again,) = [node for node in result.graph.node if node.name == "mul_again"]
    dense = few <= DENSE_CHANNELS and not thrifty
    assert factors.shape == (few, few if dense else 1, 1, 1)
    assert {one.name: one.i for one in again.attribute}["group"] == (1 if dense else few)
    assert np.count_nonzero(factors) == few


def test_gates_that_could_do_without_cost_no_more_than_they_may(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of 36 channels that convolutions write 4 are the gate's."""
    few, very_few = gated(UNEVEN), gated(VERY_UNEVEN)
    for cost, thrifty, changed in ((0.05, False, False), (0.15, False, True), (0.15, True, False)):
        monkeypatch.setattr("edgeinfer_converters.quantize.divided.MAX_COST", cost)
        found = divide_gates(few, ranges_of(few), thrifty=thrifty)
        assert (found.model is not few) == changed
        assert found.gates == changed
        needed = divide_gates(very_few, ranges_of(very_few), thrifty=thrifty)
        assert needed.gates == 1


@pytest.mark.parametrize(("hard", "most"), [(False, 1.0), (True, 6.0)])
def test_no_channel_leaves_the_common_range(hard: bool, most: float) -> None:
    result = divided_of(gated(VERY_UNEVEN, hard=hard))
    share = -float(GraphView(result).constant("a_least"))
    for values in stream(result, ("a_closed", "b"), samples_of(result, 16), total=16):
        for name, array in values.items():
            reach = most if name == "b" else 1.0
            assert array.max() <= reach + 1e-5
            assert array.min() >= -share * reach - 1e-6


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
    result = divide_gates(model, {"a": ranges}).model
    (sample,) = samples_of(model, 1, seed=3)
    assert sqnr_db(run(model, sample)[0], run(result, sample)[0]) > 35
    assert len(find_gates(GraphView(result))) == (1 if result is model else 0)


def test_a_hard_gate_is_the_same_function() -> None:
    """It lets nothing through where it is closed."""
    model = gated(VERY_UNEVEN, hard=True)
    (sample,) = samples_of(model, 1, seed=3)
    assert sqnr_db(run(model, sample)[0], run(divided_of(model), sample)[0]) > 100


@pytest.mark.parametrize(
    "name",
    [
        *("a_whole", "a_closed", "a_factors", "a_biases", "a_least", "a_open", "a_shut", "a_wide"),
        *("mul_clip", "mul_again", "mul_bound"),
    ],
)
@pytest.mark.parametrize("hard", [False, True])
def test_a_gate_whose_new_names_are_taken_is_left_alone(name: str, hard: bool) -> None:
    model = gated(UNEVEN, hard=hard)
    assert len(divided_of(model).graph.node) > len(model.graph.node)
    model.graph.node.append(helper.make_node("Relu", ["y"], ["z"], name))
    assert divide_gates(model, ranges_of(model)).model is model
