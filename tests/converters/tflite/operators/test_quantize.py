"""QuantizeLinear and DequantizeLinear that only say how a tensor is stored."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import onnx
from onnx import helper

from tests.fixtures.lite import Arrays, check_agrees, model_of, normal

CONSTANTS: dict[str, np.ndarray] = {
    "w": normal(4, 3, 3, 3, seed=1) / 4,
    "s": np.array(0.05, np.float32),
    "z": np.array(3, np.int8),
    "u": np.array(131, np.uint8),
}


def model(nodes: Sequence[tuple[str, list[str], str]], inputs: Arrays, *outputs: str) -> onnx.ModelProto:
    made = [helper.make_node(kind, names, [result]) for kind, names, result in nodes]
    return model_of(made, inputs, outputs, constants=CONSTANTS, opset=21)


def test_a_pair_is_one_rounding() -> None:
    inputs = {"x": normal(2, 3)}
    nodes = [("QuantizeLinear", ["x", "s", "z"], "q"), ("DequantizeLinear", ["q", "s", "z"], "y")]
    made = check_agrees(model(nodes, inputs, "y"), inputs)
    assert made.operators == {"DEQUANTIZE": 1, "QUANTIZE": 1}


def test_unsigned_integers_are_stored_with_sign() -> None:
    inputs = {"x": normal(2, 3)}
    nodes = [("QuantizeLinear", ["x", "s", "u"], "q"), ("DequantizeLinear", ["q", "s", "u"], "y")]
    made = check_agrees(model(nodes, inputs, "y"), inputs)
    assert made.operators == {"DEQUANTIZE": 1, "QUANTIZE": 1}


def test_an_input_of_integers_is_stored_as_it_is() -> None:
    inputs = {"x": np.array([[-128, 0, 127]], np.int8)}
    made = check_agrees(model([("DequantizeLinear", ["x", "s", "z"], "y")], inputs, "y"), inputs)
    assert made.operators == {"DEQUANTIZE": 1}


def test_integers_that_are_read_twice_at_different_scales_are_arithmetic() -> None:
    inputs = {"x": normal(2, 3)}
    nodes = [
        ("QuantizeLinear", ["x", "s", "z"], "q"),
        ("DequantizeLinear", ["q", "s", "z"], "y"),
        ("DequantizeLinear", ["q", "s"], "d"),
    ]
    check_agrees(model(nodes, inputs, "y", "d"), inputs)


def test_integers_that_are_also_an_output() -> None:
    inputs = {"x": normal(2, 3)}
    nodes = [("QuantizeLinear", ["x", "s", "z"], "q"), ("DequantizeLinear", ["q", "s", "z"], "y")]
    check_agrees(model(nodes, inputs, "q", "y"), inputs)


def test_constants_become_numbers_where_no_kernel_wants_integers() -> None:
    inputs = {"x": normal(1, 3, 5, 5)}
    nodes = [("DequantizeLinear", ["k", "s", "z"], "d"), ("Add", ["x", "d"], "y")]
    made = [helper.make_node(kind, names, [result]) for kind, names, result in nodes]
    constants: dict[str, np.ndarray] = {**CONSTANTS, "k": np.arange(5).astype(np.int8)}
    found = check_agrees(model_of(made, inputs, ["y"], constants=constants, opset=21), inputs)
    assert found.operators == {"ADD": 1}
