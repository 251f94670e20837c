"""Weights and biases of integer products."""

from __future__ import annotations

import numpy as np
import pytest
from onnx import helper

from edgeinfer_converters.tflite.lowering import Lowering
from edgeinfer_converters.tflite.nodes import Node
from edgeinfer_converters.tflite.tensors import Quant
from edgeinfer_converters.tflite.weights import integer_product, real_bias
from tests.converters.tflite.test_lowering import lowering_of
from tests.fixtures.lite import OPSET, model_of, normal

SCALES = np.array([0.5, 0.25], np.float32)


def product_lowering(**changes: np.ndarray) -> tuple[Lowering, Node]:
    nodes = [
        helper.make_node("DequantizeLinear", ["w", "scales"], ["wd"], "weights", axis=0),
        helper.make_node("Gemm", ["x", "wd", "b"], ["g"], "gemm", transB=1),
        helper.make_node("QuantizeLinear", ["g", "s", "z"], ["q"], "quantize"),
        helper.make_node("DequantizeLinear", ["q", "s", "z"], ["y"], "dequantize"),
    ]
    constants: dict[str, np.ndarray] = {
        "w": np.array([[1, -2, 3], [4, 5, -6]], np.int8),
        "scales": SCALES,
        "b": np.array([1.0, -0.5], np.float32),
        "s": np.array(0.1, np.float32),
        "z": np.array(-3, np.int8),
        **changes,
    }
    model = model_of(nodes, {"x": normal(1, 3)}, ["y"], constants=constants, opset=OPSET)
    at = lowering_of(model)
    at.write("x", at.graph.tensor("x", (1, 3), "int8", Quant.whole(0.125, 0)))
    return at, Node(model.graph.node[1], OPSET)


def test_an_integer_product() -> None:
    at, node = product_lowering()
    product = integer_product(node, at, "g")
    assert product is not None
    assert product.source == Quant.whole(0.125, 0)
    assert product.result.zero_points == (-3,)
    stored, bias = product.write(at, product.weights.integers, 0)
    assert at.graph.tensors[stored].quant == Quant((0.5, 0.25), (0, 0), 0)
    written = at.graph.tensors[bias]
    assert written.dtype == "int32"
    assert written.quant == Quant((0.0625, 0.03125), (0, 0), 0)
    assert written.data is not None
    assert written.data.tolist() == [16, -16]


@pytest.mark.parametrize(("factor", "is_integer"), [(200.0, True), (260.0, False)])
def test_sums_in_steps_that_the_result_does_not_know_make_float_products(
    factor: float, is_integer: bool
) -> None:
    at, node = product_lowering(scales=SCALES * np.float32(factor))
    assert (integer_product(node, at, "g") is not None) == is_integer


def test_floats_make_float_products() -> None:
    at, node = product_lowering()
    assert integer_product(node, at, "y") is None
    at.write("x", at.graph.tensor("x", (1, 3), "float32"))
    assert integer_product(node, at, "g") is None


def test_other_forms_of_weights_and_biases_make_float_products() -> None:
    at, node = product_lowering(w=np.ones((2, 3), np.uint8))
    assert integer_product(node, at, "g") is None
    at, node = product_lowering(b=np.ones((1, 2), np.float32))
    assert integer_product(node, at, "g") is None


def test_convolutions_always_have_a_bias() -> None:
    at, node = product_lowering()
    assert at.graph.tensors[real_bias(node, at, 2)].data is not None
    without = Node(helper.make_node("Conv", ["x", "wd"], ["g"]), OPSET)
    zeros = at.graph.tensors[real_bias(without, at, 2)].data
    assert zeros is not None
    assert zeros.tolist() == [0.0, 0.0]
