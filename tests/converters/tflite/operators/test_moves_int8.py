"""Operators that move values leave 8-bit tensors in 8 bits."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx
import pytest
from onnx import helper

from edgeinfer_converters.tflite.convert import to_tflite
from tests.fixtures.lite import model_of, normal, run_lite, run_onnx

SCALES: dict[str, np.ndarray] = {"s": np.array(0.05, np.float32), "z": np.array(-7, np.int8)}
OPERATORS: list[tuple[str, dict[str, np.ndarray], dict[str, Any]]] = [
    ("Compress", {"k": np.array([True, False, True, True])}, {"axis": 1}),
    ("DepthToSpace", {}, {"blocksize": 2}),
    ("DepthToSpace", {}, {"blocksize": 2, "mode": "CRD"}),
    ("Expand", {"k": np.array([2, 1, 1, 1])}, {}),
    ("Gather", {"k": np.array([2, 0])}, {"axis": 1}),
    ("Gather", {"k": np.array(1)}, {"axis": 2}),
    ("GatherElements", {"k": np.zeros((1, 4, 2, 5), np.int64)}, {"axis": 2}),
    ("Pad", {"p": np.array([0, 0, 1, 0, 0, 0, 2, 1])}, {}),
    ("Pad", {"p": np.array([0, 0, 1, 0, 0, 0, 2, 1])}, {"mode": "edge"}),
    ("Pad", {"p": np.array([0, 0, 1, 0, 0, 0, 2, 1])}, {"mode": "reflect"}),
    ("Slice", {"a": np.array([1]), "b": np.array([3])}, {}),
    ("SpaceToDepth", {}, {"blocksize": 2}),
    ("Tile", {"k": np.array([1, 1, 2, 1])}, {}),
    ("Trilu", {}, {}),
]


def quantized(kind: str, constants: dict[str, np.ndarray], **attributes: Any) -> onnx.ModelProto:
    """A graph of QDQ form: an operator between 8-bit tensors of one scale."""
    scale = ["s", "z"]
    nodes = [
        helper.make_node("QuantizeLinear", ["x", *scale], ["xq"]),
        helper.make_node("DequantizeLinear", ["xq", *scale], ["xd"]),
        helper.make_node(kind, ["xd", *constants], ["m"], **attributes),
        helper.make_node("QuantizeLinear", ["m", *scale], ["mq"]),
        helper.make_node("DequantizeLinear", ["mq", *scale], ["y"]),
    ]
    shape = (1, 4, 4, 6) if "Space" in kind or "Depth" in kind else (1, 4, 3, 5)
    return model_of(nodes, {"x": normal(*shape)}, ["y"], constants={**SCALES, **constants}, opset=19)


@pytest.mark.parametrize(("kind", "constants", "attributes"), OPERATORS)
def test_one_quantization_and_one_back(
    kind: str, constants: dict[str, np.ndarray], attributes: dict[str, Any]
) -> None:
    model = quantized(kind, constants, **attributes)
    shape = [dim.dim_value for dim in model.graph.input[0].type.tensor_type.shape.dim]
    inputs = {"x": normal(*shape, seed=4)}
    made = to_tflite(model)
    assert (made.operators["QUANTIZE"], made.operators["DEQUANTIZE"]) == (1, 1)
    found, expected = run_lite(made, inputs)["y"], run_onnx(model, inputs)["y"]
    np.testing.assert_allclose(found, expected, atol=1e-6)


@pytest.mark.parametrize("axis", [0, 1])
@pytest.mark.parametrize("dtype", [np.int8, np.uint8])
def test_a_table_with_scales_of_its_own(axis: int, dtype: type) -> None:
    table: np.ndarray = np.arange(12).reshape(4, 3).astype(dtype)
    scales = np.linspace(0.1, 2.0, table.shape[axis], dtype=np.float32)
    nodes = [
        helper.make_node("DequantizeLinear", ["t", "s"], ["d"], axis=axis),
        helper.make_node("Gather", ["d", "i"], ["y"]),
    ]
    inputs = {"i": np.array([3, 0, -2])}
    model = model_of(nodes, inputs, ["y"], constants={"t": table, "s": scales}, opset=19)
    np.testing.assert_allclose(
        run_lite(to_tflite(model), inputs)["y"], run_onnx(model, inputs)["y"], rtol=1e-6
    )


@pytest.mark.parametrize("kind", ["ArgMax", "ArgMin"])
@pytest.mark.parametrize("last", [0, 1])
def test_the_greatest_of_8_bit_numbers(kind: str, last: int) -> None:
    nodes = [
        helper.make_node("QuantizeLinear", ["x", "s", "z"], ["xq"]),
        helper.make_node("DequantizeLinear", ["xq", "s", "z"], ["xd"]),
        helper.make_node(kind, ["xd"], ["y"], axis=1, select_last_index=last),
    ]
    inputs = {"x": np.round(normal(2, 40, 3))}
    model = model_of(nodes, inputs, ["y"], constants=SCALES, opset=19)
    made = to_tflite(model)
    assert "DEQUANTIZE" not in made.operators
    np.testing.assert_array_equal(run_lite(made, inputs)["y"], run_onnx(model, inputs)["y"])
