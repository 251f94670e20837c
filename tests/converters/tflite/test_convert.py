"""From graphs to files: layouts over the whole graph, integers, faults."""

from __future__ import annotations

import numpy as np
import onnx
import pytest
from onnx import helper

from edgeinfer.errors import ModelError
from edgeinfer.profile import Integer
from edgeinfer_converters.calibration.calibrate import observe
from edgeinfer_converters.graph.prepare import prepare
from edgeinfer_converters.quantize.static import quantize_int8
from edgeinfer_converters.tflite.convert import to_tflite
from edgeinfer_converters.tflite.forms import Forms
from tests.fixtures.graphs import run
from tests.fixtures.lite import check_agrees, model_of, normal, run_lite, run_onnx

SIGNED = Integer(activation="int8")


def network() -> onnx.ModelProto:
    """A residual network of convolutions with a classifier behind a flattened image."""
    nodes = [
        helper.make_node("Conv", ["x", "w1", "b1"], ["c1"], "conv1", pads=[1, 1, 1, 1], strides=[2, 2]),
        helper.make_node("Relu", ["c1"], ["r1"], "relu1"),
        helper.make_node("Conv", ["r1", "w2"], ["c2"], "depthwise", pads=[1, 1, 1, 1], group=8),
        helper.make_node("Clip", ["c2", "zero", "six"], ["r2"], "clip"),
        helper.make_node("Conv", ["r2", "w3", "b3"], ["c3"], "conv3"),
        helper.make_node("Add", ["c3", "r1"], ["a"], "add"),
        helper.make_node("Concat", ["a", "r2"], ["cat"], "concat", axis=1),
        helper.make_node("MaxPool", ["cat"], ["p"], "pool", kernel_shape=[2, 2], strides=[2, 2]),
        helper.make_node("Flatten", ["p"], ["f"], "flatten"),
        helper.make_node("Gemm", ["f", "w4", "b4"], ["y"], "classifier", transB=1),
    ]
    constants = {
        "w1": normal(8, 3, 3, 3, seed=1) / 4,
        "b1": normal(8, seed=2),
        "w2": normal(8, 1, 3, 3, seed=3) / 2,
        "w3": normal(8, 8, 1, 1, seed=4) / 3,
        "b3": normal(8, seed=5),
        "w4": normal(5, 256, seed=6) / 16,
        "b4": normal(5, seed=7),
        "zero": np.array(0.0, np.float32),
        "six": np.array(6.0, np.float32),
    }
    return model_of(nodes, {"x": normal(1, 3, 16, 16)}, ["y"], constants=constants)


def test_a_convolutional_network_has_no_transposes() -> None:
    made = check_agrees(network(), {"x": normal(1, 3, 16, 16, seed=9)}, rtol=1e-3, atol=1e-4)
    assert "TRANSPOSE" not in made.operators
    assert "GATHER" not in made.operators
    assert made.operators["FULLY_CONNECTED"] == 1
    assert "RELU" not in made.operators
    assert made.inputs == {"x": (0, 2, 3, 1)}


def test_an_input_can_keep_its_order() -> None:
    image = {"x": normal(1, 3, 16, 16, seed=9)}
    made = to_tflite(network(), forms=Forms(frozenset({"x"})))
    assert made.inputs == {"x": (0, 1, 2, 3)}
    assert made.operators["TRANSPOSE"] == 1
    np.testing.assert_allclose(
        run_lite(made, image)["y"], run_onnx(network(), image)["y"], rtol=1e-3, atol=1e-4
    )


def test_the_transposes_of_a_channels_last_model_vanish() -> None:
    nodes = [
        helper.make_node("Transpose", ["x"], ["t"], perm=[0, 3, 1, 2]),
        helper.make_node("Conv", ["t", "w"], ["c"], pads=[1, 1, 1, 1]),
        helper.make_node("Relu", ["c"], ["r"]),
        helper.make_node("Transpose", ["r"], ["y"], perm=[0, 2, 3, 1]),
    ]
    image = normal(1, 6, 7, 3)
    model = model_of(nodes, {"x": image}, ["y"], constants={"w": normal(4, 3, 3, 3, seed=1)})
    made = check_agrees(model, {"x": image})
    assert made.operators == {"CONV_2D": 1}
    assert made.inputs == {"x": (0, 1, 2, 3)}
    assert made.outputs == {"y": (0, 1, 2, 3)}


def test_a_channel_shuffle_takes_one_transpose() -> None:
    nodes = [
        helper.make_node("Conv", ["x", "w"], ["c"]),
        helper.make_node("Reshape", ["c", "split"], ["s"]),
        helper.make_node("Transpose", ["s"], ["t"], perm=[0, 2, 1, 3, 4]),
        helper.make_node("Reshape", ["t", "join"], ["j"]),
        helper.make_node("Conv", ["j", "v"], ["y"]),
    ]
    image = normal(1, 3, 5, 5)
    constants = {
        "w": normal(6, 3, 1, 1, seed=1),
        "v": normal(2, 6, 1, 1, seed=2),
        "split": np.array([1, 2, 3, 5, 5]),
        "join": np.array([1, 6, 5, 5]),
    }
    made = check_agrees(model_of(nodes, {"x": image}, ["y"], constants=constants), {"x": image})
    assert made.operators["TRANSPOSE"] == 1


def quantized(integer: Integer = SIGNED) -> tuple[onnx.ModelProto, list[dict[str, np.ndarray]]]:
    samples = [{"x": normal(1, 3, 16, 16, seed=seed)} for seed in range(8)]
    graph = prepare(network(), max_opset=21, max_ir_version=10)
    ranges = observe(graph, samples, total=8, progress=lambda count: None)
    return quantize_int8(graph, ranges, integer, integer_results=True), samples


@pytest.mark.parametrize("activation", ["int8", "uint8"])
def test_a_quantized_graph_computes_with_integers(activation: str) -> None:
    model, samples = quantized(Integer(activation=activation))  # type: ignore[arg-type]
    made = to_tflite(model)
    assert made.operators["QUANTIZE"] <= 4
    assert made.operators["DEQUANTIZE"] == 1
    assert "TRANSPOSE" not in made.operators
    for sample in samples:
        expected, found = run(model, sample, optimized=False)[0], run_lite(made, sample)["y"]
        step = np.abs(expected).max() / 100
        assert np.abs(found - expected).max() < 4 * step


def test_the_same_graph_gives_the_same_bytes() -> None:
    model, _ = quantized()
    assert to_tflite(model).data == to_tflite(model).data


def test_all_nodes_without_an_equal_are_named_at_once() -> None:
    nodes = [
        helper.make_node("NonZero", ["x"], ["n"], "positions"),
        helper.make_node("Relu", ["x"], ["r"], "fine"),
        helper.make_node("Unique", ["r"], ["u"], "kinds"),
    ]
    model = model_of(nodes, {"x": normal(2, 3)}, ["n", "u"])
    with pytest.raises(ModelError) as caught:
        to_tflite(model)
    message = str(caught.value)
    assert "NonZero `positions` (output `n`)" in message
    assert "Unique `kinds` (output `u`)" in message
    assert "fine" not in message


def test_other_domains_are_named() -> None:
    model = model_of([helper.make_node("Relu", ["x"], ["y"], "own")], {"x": normal(2)}, ["y"])
    model.graph.node[0].domain = "com.example"
    model.opset_import.append(helper.make_opsetid("com.example", 1))
    with pytest.raises(ModelError, match=r"domain `com.example`"):
        to_tflite(model)


def test_a_layer_that_is_clipped_far_below_its_sums_loads_and_is_right() -> None:
    nodes = [
        helper.make_node("Conv", ["x", "w1"], ["c1"], "conv1"),
        helper.make_node("Conv", ["c1", "w2"], ["c2"], "conv2"),
        helper.make_node("Clip", ["c2", "zero", "six"], ["r"], "clip"),
        helper.make_node("Conv", ["r", "w3"], ["y"], "conv3"),
    ]
    constants = {
        "w1": normal(8, 3, 1, 1, seed=1) * 1e4,
        "w2": normal(8, 8, 1, 1, seed=2),
        "w3": normal(4, 8, 1, 1, seed=3),
        "zero": np.array(0.0, np.float32),
        "six": np.array(6.0, np.float32),
    }
    model = model_of(nodes, {"x": normal(1, 3, 8, 8)}, ["y"], constants=constants)
    graph = prepare(model, max_opset=21, max_ir_version=10)
    samples = [{"x": normal(1, 3, 8, 8, seed=seed)} for seed in range(4)]
    ranges = observe(graph, samples, total=4, progress=lambda count: None)
    quantized = quantize_int8(graph, ranges, SIGNED, integer_results=True)
    made = to_tflite(quantized)
    assert made.operators["DEQUANTIZE"] >= 2
    wanted = run(quantized, samples[0])[0]
    found = run_lite(made, samples[0])["y"]
    assert np.abs(found - wanted).max() < 0.1 * np.abs(wanted).max()
