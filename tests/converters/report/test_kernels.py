"""What is computed in integers."""

from __future__ import annotations

import numpy as np
import onnx
from onnx import TensorProto, helper

from edgeinfer.profile import Integer
from edgeinfer_converters.graph.shapes import infer_shapes
from edgeinfer_converters.quantize.share import integer_share
from edgeinfer_converters.quantize.static import quantize_int8
from edgeinfer_converters.report.kernels import float_nodes, kernel_counts, stored_bytes, stored_widths
from tests.fixtures.graphs import classifier, ranges_of
from tests.fixtures.models import model_of


def quantized(exclude: frozenset[str] = frozenset()) -> onnx.ModelProto:
    model = classifier()
    return infer_shapes(quantize_int8(model, ranges_of(model), Integer(activation="uint8"), exclude=exclude))


def test_kernels_by_kind() -> None:
    found = kernel_counts({"Relu": 1, "QLinearConv": 3, "QGemm": 4, "QuantizeLinear": 2, "Softmax": 1})
    assert [(one.operator, one.kind) for one in found] == [
        ("QGemm", "integer"),
        ("QLinearConv", "integer"),
        ("QuantizeLinear", "conversion"),
        ("Relu", "other"),
        ("Softmax", "other"),
    ]


def test_what_was_left_float_on_purpose_says_so() -> None:
    model = quantized(frozenset({"conv1"}))
    (found,) = float_nodes(model, integer_share(model).float_nodes)
    assert (found.name, found.operator) == ("conv1", "Conv")
    assert 0 < found.macs_share < 1
    assert "by the converter" in found.reason


def test_what_the_runtime_did_not_fuse_says_so() -> None:
    found = float_nodes(quantized(), ("conv2", "linear"))
    assert [one.name for one in found] == ["conv2", "linear"]
    assert all("no integer kernel" in one.reason for one in found)


def test_one_operand_in_8_bits_is_not_enough() -> None:
    nodes = [
        helper.make_node("DequantizeLinear", ["w", "s"], ["d"], "dq"),
        helper.make_node("MatMul", ["x", "d"], ["y"], "product"),
    ]
    value = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [1, 4]) for name in "xy"]
    weights: dict[str, np.ndarray] = {"w": np.ones((4, 4), np.int8), "s": np.array(0.5, np.float32)}
    (found,) = float_nodes(infer_shapes(model_of(nodes, value[:1], value[1:], weights)), ("product",))
    assert "only one of its operands" in found.reason


def test_the_memory_of_integers_counted_by_hand() -> None:
    model, image = classifier(), 3 * 16 * 16
    assert stored_bytes(model) == 4 * image + 4 * 8 * 8 * 8
    # Most is held while the image, which comes in floats, is quantized.
    assert stored_bytes(quantized()) == 4 * image + image
    assert stored_widths(model) == {}


def test_widths_around_a_quantizer() -> None:
    widths = stored_widths(quantized())
    quantizers = [node for node in quantized().graph.node if node.op_type == "QuantizeLinear"]
    assert [widths[node.output[0]] for node in quantizers[:2]] == [1, 0]
    assert widths[quantizers[1].input[0]] == 0
    assert "image" not in widths
    assert "logits" not in widths
