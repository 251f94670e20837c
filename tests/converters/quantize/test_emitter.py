"""Writing quantized tensors into a graph."""

from __future__ import annotations

import numpy as np
from onnx import numpy_helper

from edgeinfer_converters.graph.view import GraphView
from edgeinfer_converters.quantize.affine import Affine, Form
from edgeinfer_converters.quantize.emitter import Emitter
from edgeinfer_converters.quantize.weights import quantize_weights
from tests.fixtures.graphs import classifier

AFFINE = Affine(0.5, 3, Form("uint8", symmetric=False))


def emitter() -> Emitter:
    return Emitter(GraphView(classifier()))


def test_a_tensor_in_qdq_form() -> None:
    out = emitter()
    floats = out.dequantize(out.quantize("r1", AFFINE, "r1"), AFFINE, "r1")
    assert [node.op_type for node in out.nodes] == ["QuantizeLinear", "DequantizeLinear"]
    assert list(out.nodes[0].input) == ["r1", "r1_scale", "r1_zero_point"]
    assert out.nodes[0].input[1:] == out.nodes[1].input[1:]
    assert floats == "r1_dequantized"
    scale, zero_point = (numpy_helper.to_array(tensor) for tensor in out.initializers.values())
    assert (str(scale.dtype), scale.shape, str(zero_point.dtype)) == ("float32", (), "uint8")


def test_names_are_free() -> None:
    out = emitter()
    assert out.free("r1") == "r1_2"
    assert out.free("r1") == "r1_3"
    assert out.free("new") == "new"
    assert out.free("w1") == "w1_2"
    assert out.free("conv1") == "conv1_2"


def test_shared_scales_are_written_once() -> None:
    out = emitter()
    out.quantize("r1", AFFINE, "r1")
    out.quantize("r2", AFFINE, "r1")
    assert sorted(out.initializers) == ["r1_scale", "r1_zero_point"]


def test_weights_that_are_the_same_are_written_once() -> None:
    out = emitter()
    weights = np.random.default_rng(0).normal(size=(4, 600)).astype(np.float32)
    one = out.weights("w", quantize_weights(weights, 0))
    assert out.weights("w", quantize_weights(weights, 0)) == one
    other = out.weights("w", quantize_weights(weights, 0, smallest_scales=np.full(4, 1.0)))
    assert other != one
    assert [node.attribute[0].i for node in out.nodes] == [0, 0]


def test_constants_are_written_once() -> None:
    out = emitter()
    values = np.array([1.0, 2.0], np.float32)
    assert out.constant("k", values, AFFINE) == out.constant("k", values, AFFINE)
    assert numpy_helper.to_array(out.initializers["k_quantized"]).tolist() == [5, 7]
