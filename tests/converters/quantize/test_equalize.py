"""Cross-layer equalization."""

from __future__ import annotations

import numpy as np
import onnx
import pytest
from onnx import helper, numpy_helper

from edgeinfer.profile import Integer
from edgeinfer_converters.calibration.calibrate import observe
from edgeinfer_converters.calibration.channel_extremes import channel_extremes
from edgeinfer_converters.graph.view import GraphView
from edgeinfer_converters.quantize.channels import channel_classes
from edgeinfer_converters.quantize.equalize import equalize, equalized_tensors
from edgeinfer_converters.quantize.static import quantize_int8
from tests.fixtures.graphs import GRAPHS, conv, filters, graph_of, run, samples_of, sqnr_db

SPREAD = np.array([1.0, 0.1, 0.02, 5.0])


def depthwise(bound: float | None = None) -> onnx.ModelProto:
    """Conv, clamp, depthwise, clamp, Conv; channels in between differ in range by a factor of 250."""
    across, undone = SPREAD.reshape(4, 1, 1, 1), (1 / SPREAD).reshape(1, 4, 1, 1)
    clamp = (
        [helper.make_node("Relu", [a], [b], f"relu_{b}") for a, b in (("a", "b"), ("c", "d"))]
        if bound is None
        else [
            helper.make_node("Clip", [a, "low", "high"], [b], f"clip_{b}")
            for a, b in (("a", "b"), ("c", "d"))
        ]
    )
    nodes = [conv("x", "a"), clamp[0], conv("b", "c", "v", group=4), clamp[1], conv("d", "y", "u")]
    weights = {"w": filters() * across, "v": filters(into=1, seed=1), "u": filters(seed=2) * undone}
    if bound is not None:
        weights |= {"low": np.array(0.0), "high": np.array(bound)}
    return graph_of(nodes, (1, 4, 8, 8), weights)


def equalized(model: onnx.ModelProto) -> onnx.ModelProto:
    names = equalized_tensors(GraphView(model))
    return equalize(model, channel_extremes(model, names, samples_of(model, 16), total=16))


def int8_sqnr_db(model: onnx.ModelProto, reference: onnx.ModelProto) -> float:
    ranges = observe(model, samples_of(model, 16), total=16, progress=lambda _: None)
    result = quantize_int8(model, ranges, Integer(activation="uint8"))
    (sample,) = samples_of(model, 1, seed=9)
    return sqnr_db(run(reference, sample)[0], run(result, sample)[0])


def test_a_depthwise_network_with_wildly_different_ranges() -> None:
    model = depthwise()
    equal = equalized(model)
    (sample,) = samples_of(model, 1, seed=9)
    np.testing.assert_allclose(run(equal, sample)[0], run(model, sample)[0], rtol=1e-3, atol=1e-4)
    assert int8_sqnr_db(equal, model) > int8_sqnr_db(model, model) + 10


def test_a_bound_holds_for_the_channels_below_it() -> None:
    model = depthwise(bound=6.0)
    equal = equalized(model)
    (sample,) = samples_of(model, 1, seed=9)
    assert sqnr_db(run(model, sample)[0], run(equal, sample)[0]) > 40
    assert int8_sqnr_db(equal, model) > int8_sqnr_db(model, model) + 3


@pytest.mark.parametrize("name", sorted(GRAPHS))
def test_the_function_stays(name: str) -> None:
    model = GRAPHS[name]()
    equal = equalized(model)
    onnx.checker.check_model(equal, full_check=True)
    for sample in samples_of(model, 3, seed=4):
        assert sqnr_db(run(model, sample)[0], run(equal, sample)[0]) > 60


def test_residual_branches_and_concatenations_are_scaled_together() -> None:
    nodes = [
        conv("x", "a"),
        helper.make_node("Relu", ["a"], ["b"], "relu"),
        conv("b", "c", "v"),
        helper.make_node("Add", ["b", "c"], ["d"], "add"),
        helper.make_node("Concat", ["d", "b"], ["e"], "concat", axis=1),
        conv("e", "y", "u"),
    ]
    model = graph_of(
        nodes, (1, 4, 8, 8), {"w": filters(), "v": filters(seed=1), "u": filters(into=8, seed=2)}
    )
    found = channel_classes(GraphView(model))
    assert found.products == {"conv_a", "conv_c", "conv_y"}
    np.testing.assert_array_equal(found.classes["b"], found.classes["c"])
    np.testing.assert_array_equal(found.classes["e"], np.tile(found.classes["b"], 2))
    assert not found.fixed[found.classes["e"]].any()
    assert found.fixed[found.classes["x"]].all()
    assert found.fixed[found.classes["y"]].all()


@pytest.mark.parametrize("operator", ["Sigmoid", "Tanh", "Softmax"])
def test_what_is_not_homogeneous_is_left_alone(operator: str) -> None:
    nodes = [conv("x", "a"), helper.make_node(operator, ["a"], ["b"], "f"), conv("b", "y", "v")]
    model = graph_of(nodes, (1, 4, 8, 8), {"w": filters(), "v": filters(seed=1)})
    assert equalized_tensors(GraphView(model)) == ()


def test_weights_of_two_nodes_are_left_alone() -> None:
    nodes = [conv("x", "a"), helper.make_node("Relu", ["a"], ["b"], "relu"), conv("b", "y")]
    model = graph_of(nodes, (1, 4, 8, 8), {"w": filters()})
    equal = equalized(model)
    for before, after in zip(model.graph.initializer, equal.graph.initializer, strict=True):
        np.testing.assert_array_equal(numpy_helper.to_array(before), numpy_helper.to_array(after))
