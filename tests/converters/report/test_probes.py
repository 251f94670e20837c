"""Which tensors stand for each other."""

from __future__ import annotations

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from edgeinfer.profile import Integer
from edgeinfer_converters.graph.view import GraphView
from edgeinfer_converters.quantize.static import quantize_int8
from edgeinfer_converters.report.probes import Probe, Quantizer, find_probes
from tests.fixtures.graphs import classifier, graph_of, ranges_of, residual
from tests.fixtures.models import model_of


def probes_of(model: onnx.ModelProto, exclude: frozenset[str] = frozenset()) -> dict[str, Probe]:
    quantized = quantize_int8(model, ranges_of(model), Integer(activation="uint8"), exclude=exclude)
    return {probe.node: probe for probe in find_probes(GraphView(model), GraphView(quantized))}


def test_the_limits_of_a_quantizer() -> None:
    quantizer = Quantizer(0.5, 10, 0, 255)
    assert (quantizer.low, quantizer.high) == (-5.0, 122.5)


def test_a_convolution_stands_for_its_clamp_where_saturation_replaced_that() -> None:
    found = probes_of(classifier())
    assert found["conv1"].tensor == "r1"
    assert "relu1" not in found
    assert found["conv1"].quantizer is not None
    assert found["conv1"].twin != found["conv1"].tensor


def test_inputs_come_first_and_have_no_node() -> None:
    model = residual()
    quantized = quantize_int8(model, ranges_of(model), Integer(activation="int8"))
    first = find_probes(GraphView(model), GraphView(quantized))[0]
    assert (first.node, first.operator, first.tensor) == ("", "input", "x")
    assert first.quantizer is not None
    assert first.quantizer.lowest == -128


def test_what_stayed_float_has_no_quantizer() -> None:
    found = probes_of(classifier(), frozenset({"linear"}))
    assert found["linear"].quantizer is None
    assert found["linear"].twin == "logits"


def test_operators_that_only_move_values_are_left_out() -> None:
    assert "flatten" not in probes_of(classifier())


def test_operators_of_another_kind_or_gone_are_no_pair() -> None:
    model, other = residual(), residual()
    for node in other.graph.node:
        if node.name == "add":
            node.op_type = "Mul"
    found = find_probes(GraphView(model), GraphView(other))
    names = [probe.node for probe in found]
    assert "add" not in names
    assert "conv_y" in names


@pytest.mark.parametrize("size", [1, 4])
def test_only_scales_of_whole_tensors_count(size: int) -> None:
    nodes = [
        helper.make_node("Relu", ["x"], ["a"], "relu"),
        helper.make_node("QuantizeLinear", ["a", "s", "z"], ["q"], "q", axis=1),
        helper.make_node("DequantizeLinear", ["q", "s", "z"], ["y"], "dq", axis=1),
    ]
    value = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [1, 4]) for name in "xy"]
    shape = () if size == 1 else (size,)
    weights: dict[str, np.ndarray] = {"s": np.full(shape, 0.5, np.float32), "z": np.zeros(shape, np.uint8)}
    model = model_of(nodes, value[:1], value[1:], weights)
    plain = model_of([helper.make_node("Relu", ["x"], ["y"], "relu")], value[:1], value[1:])
    (probe,) = find_probes(GraphView(plain), GraphView(model))
    assert (probe.quantizer is not None) == (size == 1)
    assert probe.twin == ("y" if size == 1 else "a")


def test_a_product_in_two_parts_stands_where_both_are_added_up() -> None:
    nodes = [helper.make_node("Gemm", ["x", "w", "b"], ["y"], "linear", transB=1)]
    rng = np.random.default_rng(0)
    weights = {"w": rng.normal(size=(5, 16)), "b": rng.normal(size=5)}
    model = graph_of(nodes, (8, 5), weights, shape=(8, 16))
    quantized = quantize_int8(
        model, ranges_of(model), Integer(activation="uint8"), two_part=frozenset({"linear"})
    )
    (probe,) = (one for one in find_probes(GraphView(model), GraphView(quantized)) if one.node)
    assert (probe.tensor, probe.twin) == ("y", "y")
