"""Products whose input is quantized in two parts."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx
import pytest
from onnx import helper

from edgeinfer.profile import Integer
from edgeinfer_converters.graph.view import GraphView
from edgeinfer_converters.quantize.share import integer_share
from edgeinfer_converters.quantize.static import quantize_int8
from edgeinfer_converters.quantize.two_part import FINENESS, result_of, with_rest
from edgeinfer_converters.quantize.weights import IntegerWeights
from tests.fixtures.graphs import graph_of, ranges_of, run, samples_of, sqnr_db


def linear() -> onnx.ModelProto:
    rng = np.random.default_rng(0)
    weights = {"w": rng.normal(0, 1, (5, 16)), "b": rng.normal(0, 1, 5)}
    nodes = [helper.make_node("Gemm", ["x", "w", "b"], ["y"], "linear", transB=1)]
    return graph_of(nodes, (8, 5), weights, shape=(8, 16))


@pytest.mark.parametrize("activation", ["uint8", "int8"])
def test_the_rounding_of_the_input_no_longer_counts(activation: str) -> None:
    model = linear()
    integer = Integer(activation=activation)  # type: ignore[arg-type]  # a parameter
    plain = quantize_int8(model, ranges_of(model), integer, method="minmax")
    split = quantize_int8(model, ranges_of(model), integer, method="minmax", two_part=frozenset({"linear"}))
    onnx.checker.check_model(split, full_check=True)
    share = integer_share(split)
    assert share.share == 1.0
    assert share.kernels["QGemm"] == 2
    # Held against the stored weights, of a sample within the range: what is left is the input's rounding.
    sample = next(samples_of(model, 1))
    view = GraphView(split)
    stored = {tensor.name: onnx.numpy_helper.to_array(tensor) for tensor in split.graph.initializer}
    product = next(node for node in view.nodes if node.name == "linear")
    values, scale = (stored[name] for name in view.producers[product.input[1]].input[:2])
    bias, unit = (stored[name] for name in view.producers[product.input[2]].input[:2])
    wanted = sample["x"] @ (values * scale[:, None]).T + bias * unit
    gained = sqnr_db(wanted, run(split, sample)[0]) - sqnr_db(wanted, run(plain, sample)[0])
    assert gained > 20


def test_both_parts_share_their_weights() -> None:
    model = linear()
    split = quantize_int8(
        model, ranges_of(model), Integer(activation="uint8"), two_part=frozenset({"linear"})
    )
    gemms = [node for node in split.graph.node if node.op_type == "Gemm"]
    assert [node.name for node in gemms] == ["linear", "linear_fine"]
    assert gemms[0].input[1] == gemms[1].input[1]
    assert [len(node.input) for node in gemms] == [3, 2]


def test_the_result_is_that_of_the_sum() -> None:
    model = linear()
    integer = Integer(activation="uint8")
    split = GraphView(quantize_int8(model, ranges_of(model), integer, two_part=frozenset({"linear"})))
    product = next(node for node in split.nodes if node.name == "linear")
    assert result_of(product, split) == "y"
    plain = GraphView(quantize_int8(model, ranges_of(model), integer))
    product = next(node for node in plain.nodes if node.name == "linear")
    assert result_of(product, plain) == product.output[0]


def pointwise() -> onnx.ModelProto:
    """A sum in float that a pointwise convolution reads."""
    rng = np.random.default_rng(0)
    weights = {"w": rng.normal(0, 1, (6, 4, 1, 1)), "b": rng.normal(0, 1, 6)}
    nodes = [
        helper.make_node("Add", ["x", "x"], ["s"], "sum"),
        helper.make_node("Conv", ["s", "w", "b"], ["y"], "reader"),
    ]
    return graph_of(nodes, (1, 6, 8, 8), weights)


def test_twice_the_channels_take_most_of_the_roundings_noise_away() -> None:
    model = pointwise()
    options: dict[str, Any] = {"exclude": frozenset({"sum"}), "method": "minmax"}
    integer = Integer(activation="int8")
    plain = quantize_int8(model, ranges_of(model), integer, **options)
    doubled = quantize_int8(model, ranges_of(model), integer, doubled=frozenset({"reader"}), **options)
    onnx.checker.check_model(doubled, full_check=True)
    assert integer_share(doubled).share == 1.0
    view = GraphView(doubled)
    product = next(node for node in view.nodes if node.name == "reader")
    stored = {tensor.name: onnx.numpy_helper.to_array(tensor) for tensor in doubled.graph.initializer}
    weights = stored[view.producers[product.input[1]].input[0]]
    assert weights.shape == (6, 8, 1, 1)
    np.testing.assert_array_equal(weights[:, 4:], np.rint(weights[:, :4] / FINENESS))

    def noise(quantized: onnx.ModelProto) -> float:
        """Against the stored weights and before the result is rounded: the input's rounding alone."""
        found = GraphView(quantized)
        parts = {tensor.name: onnx.numpy_helper.to_array(tensor) for tensor in quantized.graph.initializer}
        node = next(one for one in found.nodes if one.name == "reader")
        values, scale = (parts[name] for name in found.producers[node.input[1]].input[:2])
        bias, unit = (parts[name] for name in found.producers[node.input[2]].input[:2])
        matrix = values[:, :4, 0, 0] * scale[:, None]
        sample = next(samples_of(model, 1))
        wanted = np.einsum("oc,nchw->nohw", matrix, 2 * sample["x"]) + (bias * unit)[:, None, None]
        bare = onnx.ModelProto()
        bare.CopyFrom(quantized)
        bare.graph.output[0].name = node.output[0]
        return sqnr_db(wanted, run(bare, sample, optimized=False)[0])

    assert noise(doubled) > noise(plain) + 10


def test_both_parts_are_channels_of_one_scale() -> None:
    weights = IntegerWeights(np.array([[[[32]], [[-8]]]], np.int8), np.array([0.5], np.float32), 0)
    assert with_rest(weights).stored[0, :, 0, 0].tolist() == [32, -8, 2, 0]
    assert with_rest(weights).scales is weights.scales
