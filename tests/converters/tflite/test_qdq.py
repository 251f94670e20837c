"""Where a QDQ graph computes with integers."""

from __future__ import annotations

import numpy as np
import onnx
import pytest
from onnx import helper

from edgeinfer_converters.graph.view import GraphView
from edgeinfer_converters.tflite.qdq import QuantizedConstant, as_int8, find_sites
from edgeinfer_converters.tflite.tensors import Quant
from tests.fixtures.lite import model_of, normal


def qdq(name: str, source: str, target: str) -> list[onnx.NodeProto]:
    return [
        helper.make_node("QuantizeLinear", [source, "scale", "zero"], [f"{name}_q"], f"{name}_Q"),
        helper.make_node("DequantizeLinear", [f"{name}_q", "scale", "zero"], [target], f"{name}_DQ"),
    ]


def view_of(nodes: list[onnx.NodeProto], outputs: list[str], **constants: np.ndarray) -> GraphView:
    fixed: dict[str, np.ndarray] = {
        "scale": np.array(0.5, np.float32),
        "zero": np.array(130, np.uint8),
        **constants,
    }
    return GraphView(model_of(nodes, {"x": normal(1, 4)}, outputs, constants=fixed))


def test_a_tensor_that_only_a_quantizer_reads_is_wanted_in_8_bits() -> None:
    nodes = [
        *qdq("x", "x", "xd"),
        helper.make_node("Relu", ["xd"], ["r"]),
        *qdq("r", "r", "rd"),
        helper.make_node("Neg", ["rd"], ["y"]),
    ]
    sites = find_sites(view_of(nodes, ["y"]))
    assert sites.targets == {"x": Quant.whole(0.5, 2), "r": Quant.whole(0.5, 2)}
    assert sites.stored == {"x_q": Quant.whole(0.5, 2), "r_q": Quant.whole(0.5, 2)}
    assert not sites.constants


def test_a_tensor_that_others_read_too_stays_float() -> None:
    nodes = [
        helper.make_node("Relu", ["x"], ["r"]),
        *qdq("r", "r", "rd"),
        helper.make_node("Add", ["r", "rd"], ["y"]),
    ]
    sites = find_sites(view_of(nodes, ["y"]))
    assert sites.targets == {}
    assert sites.stored == {"r_q": Quant.whole(0.5, 2)}


def test_integers_that_are_seen_outside_are_no_site() -> None:
    nodes = qdq("x", "x", "xd")[:1]
    assert find_sites(view_of(nodes, ["x_q"])).stored == {}


def test_constants() -> None:
    integers = np.array([[1, 2], [3, 4]], np.int8)
    nodes = [
        helper.make_node("DequantizeLinear", ["w", "scales"], ["wd"], axis=0),
        helper.make_node("DequantizeLinear", ["c", "scale", "zero"], ["cd"]),
        helper.make_node("MatMul", ["wd", "cd"], ["y"]),
    ]
    constants: dict[str, np.ndarray] = {
        "w": integers,
        "scales": np.array([0.5, 2.0], np.float32),
        "c": np.array([[130, 132], [0, 255]], np.uint8),
    }
    found = find_sites(view_of(nodes, ["y"], **constants)).constants
    assert found["wd"].real().tolist() == [[0.5, 1.0], [6.0, 8.0]]
    assert not found["wd"].fits_int8
    assert found["cd"].fits_int8
    assert found["cd"].quant() == Quant.whole(0.5, 2)
    assert found["cd"].int8().tolist() == [[2, 4], [-128, 127]]
    assert found["cd"].real().tolist() == [[0.0, 1.0], [-65.0, 62.5]]


def test_uint8_and_int8_stand_for_the_same_numbers() -> None:
    integers = np.arange(256, dtype=np.uint8)
    one = QuantizedConstant(integers, np.array(0.1, np.float32), np.array(37, np.uint8), None)
    other = QuantizedConstant(
        as_int8(integers), np.array(0.1, np.float32), np.array(one.quant().zero_points[0], np.int8), None
    )
    np.testing.assert_array_equal(one.real(), other.real())
    assert as_int8(other.integers) is other.integers


@pytest.mark.parametrize("kind", [np.float16, np.int16])
def test_other_forms_are_no_sites(kind: type) -> None:
    constants: dict[str, np.ndarray] = (
        {"zero": np.array(3, np.int16)}
        if kind is np.int16
        else {"scale": np.array([0.5, 0.25, 1.0, 2.0], np.float32), "zero": np.zeros(4, np.uint8)}
    )
    nodes = [
        helper.make_node("QuantizeLinear", ["x", "scale", "zero"], ["q"]),
        helper.make_node("DequantizeLinear", ["q", "scale", "zero"], ["y"]),
    ]
    view = GraphView(
        model_of(
            nodes,
            {"x": normal(1, 4)},
            ["y"],
            constants={"scale": np.array(0.5, np.float32), **constants},
            opset=21,
        )
    )
    assert find_sites(view).stored == {}
