"""What operators ask for, counted by hand."""

from __future__ import annotations

import numpy as np
import onnx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from onnx import TensorProto, helper, numpy_helper

from edgeinfer.profile import Integer
from edgeinfer_converters.graph.macs import count_macs
from edgeinfer_converters.graph.shapes import infer_shapes
from edgeinfer_converters.quantize.static import quantize_int8
from edgeinfer_converters.quantize.work import Work, work_of
from tests.fixtures.graphs import classifier, ranges_of
from tests.fixtures.models import image_classifier

FLOAT = TensorProto.FLOAT
IMAGE, PLANE = 3 * 16 * 16, 8 * 8 * 8


def work(model: onnx.ModelProto) -> dict[str, Work]:
    return {one.name: one for one in work_of(infer_shapes(model))}


def of_one_input(*nodes: onnx.NodeProto, **weights: np.ndarray) -> onnx.ModelProto:
    """A model from x (1, 8, 4, 4) to y."""
    tensors = [numpy_helper.from_array(array, name) for name, array in weights.items()]
    ends = [helper.make_tensor_value_info(*one) for one in (("x", FLOAT, [1, 8, 4, 4]), ("y", FLOAT, None))]
    graph = helper.make_graph(list(nodes), "tiny", ends[:1], ends[1:], tensors)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)])


def quantized(name: str, *, constant: bool = False) -> list[onnx.NodeProto]:
    """`name` in 8 bits and back, as `name_dq`; a constant is there in 8 bits already."""
    source = name if constant else f"{name}_q"
    back = helper.make_node("DequantizeLinear", [source, "s", "z"], [f"{name}_dq"], f"{name}_dq")
    there = helper.make_node("QuantizeLinear", [name, "s", "z"], [f"{name}_q"], f"{name}_q")
    return [back] if constant else [there, back]


NUMBERS: dict[str, np.ndarray] = {"s": np.array(0.5, np.float32), "z": np.array(0, np.int8)}


def test_a_float_classifier_by_hand() -> None:
    found = work(image_classifier())
    assert list(found) == ["conv1", "conv2", "pool", "linear"]
    assert found["conv1"] == Work(
        "conv1", "Conv", "float32", PLANE * 27, depthwise=False, moved_bytes=4 * (IMAGE + 8 * 27 + 8 + PLANE)
    )
    assert found["conv2"].depthwise
    assert found["conv2"].moved_bytes == 4 * (PLANE + 72 + 8 + PLANE)
    assert found["pool"] == Work(
        "pool", "GlobalAveragePool", "float32", 0, depthwise=False, moved_bytes=4 * (PLANE + 8)
    )
    assert found["linear"].moved_bytes == 4 * (8 + 24 + 3 + 3)


def test_the_converters_integer_form_moves_bytes_where_float_moves_words() -> None:
    model = classifier()
    floats = work(model)
    integers = work(quantize_int8(model, ranges_of(model), Integer(activation="int8")))
    products = {name: one for name, one in integers.items() if one.macs}
    assert {one.arithmetic for one in products.values()} == {"int8"}
    for name in ("conv1", "conv2"):
        assert products[name].macs == floats[name].macs
        assert products[name].moved_bytes < floats[name].moved_bytes / 3.5
    first = next(one for one in integers.values() if one.operator == "QuantizeLinear")
    assert first.moved_bytes == pytest.approx(5 * IMAGE, abs=8)  # and the scale and the zero point


def test_a_float_island_has_conversions_on_both_sides() -> None:
    model = classifier()
    island = quantize_int8(model, ranges_of(model), Integer(activation="int8"), exclude=frozenset({"conv1"}))
    assert work(island)["conv1"].arithmetic == "float32"
    assert work(island)["conv2"].arithmetic == "int8"


def test_a_dequantizer_for_a_float_reader_is_work() -> None:
    found = work(
        of_one_input(*quantized("x"), helper.make_node("Softmax", ["x_dq"], ["y"], "float"), **NUMBERS)
    )
    assert found["x_q"].moved_bytes == 5 * 128 + 5
    assert found["x_dq"].moved_bytes == 5 * 128 + 5
    assert found["float"].arithmetic == "float32"
    assert found["float"].moved_bytes == 8 * 128


def test_a_convolution_that_does_not_end_in_integers_is_float() -> None:
    weights: dict[str, np.ndarray] = {"w": np.ones((4, 8, 1, 1), np.int8), **NUMBERS}
    conv = helper.make_node("Conv", ["x_dq", "w_dq"], ["c"], "conv")
    before = [*quantized("x"), *quantized("w", constant=True), conv]
    bare = of_one_input(*before, helper.make_node("Sin", ["c"], ["y"], "sin"), **weights)
    assert work(bare)["conv"].arithmetic == "float32"
    clamp = helper.make_node("Relu", ["c"], ["r"], "clamp")
    ends = [clamp, *quantized("r"), helper.make_node("Sin", ["r_dq"], ["y"], "sin")]
    found = work(of_one_input(*before, *ends, **weights))
    assert found["conv"].arithmetic == "int8"
    assert found["conv"].moved_bytes == 128 + 32 + 64
    assert not {"clamp", "r_q", "w_dq"} & found.keys()


def test_a_matrix_product_may_end_in_floats() -> None:
    nodes = [
        *quantized("x"),
        *quantized("w", constant=True),
        helper.make_node("MatMul", ["x_dq", "w_dq"], ["y"], "product"),
    ]
    found = work(of_one_input(*nodes, w=np.ones((4, 2), np.int8), **NUMBERS))["product"]
    assert (found.arithmetic, found.macs) == ("int8", 8 * 4 * 4 * 2)
    assert found.moved_bytes == 128 + 8 + 4 * 64


def test_views_cost_nothing_and_a_slice_only_what_it_takes() -> None:
    nodes = [
        helper.make_node("Slice", ["x", "from", "to"], ["s"], "slice"),
        helper.make_node("Flatten", ["s"], ["f"], "flatten"),
        helper.make_node("Sin", ["f"], ["y"], "sin"),
    ]
    ends = {"from": np.array([0, 0, 0, 0]), "to": np.array([1, 2, 4, 4])}
    found = work(of_one_input(*nodes, **ends))
    assert list(found) == ["slice", "sin"]
    assert found["slice"].moved_bytes == found["sin"].moved_bytes == 8 * 32


def test_a_clamp_on_what_others_read_too_is_an_operator_of_its_own() -> None:
    nodes = [
        helper.make_node("Sin", ["x"], ["s"], "sin"),
        helper.make_node("Relu", ["s"], ["r"], "relu"),
        helper.make_node("Add", ["s", "r"], ["y"], "add"),
    ]
    assert list(work(of_one_input(*nodes))) == ["sin", "relu", "add"]
    only = [*nodes[:2], helper.make_node("Add", ["r", "r"], ["y"], "add")]
    found = work(of_one_input(*only))
    assert list(found) == ["sin", "add"]
    assert found["add"].moved_bytes == 8 * 128  # what is read twice comes from memory once


def test_an_operator_that_nobody_knows_is_counted_by_its_bytes() -> None:
    model = of_one_input(helper.make_node("Identity", ["x"], ["y"], "any"))
    model.graph.node[0].op_type, model.graph.node[0].domain = "Wobble", "com.example"
    model.graph.output[0].type.tensor_type.shape.CopyFrom(model.graph.input[0].type.tensor_type.shape)
    (found,) = work_of(model)
    assert (found.macs, found.moved_bytes) == (0, 2 * 4 * 128)


def test_a_batch_that_is_open_is_one() -> None:
    assert work(image_classifier(batch="n")) == work(image_classifier(batch=1))


@settings(max_examples=25, deadline=None)
@given(st.integers(1, 6), st.integers(8, 24), st.integers(0, 9))
def test_all_products_of_any_classifier_are_there(classes: int, size: int, seed: int) -> None:
    model = infer_shapes(image_classifier(classes=classes, size=size, seed=seed))
    found = work_of(model)
    assert {one.name: one.macs for one in found if one.macs} == count_macs(model)
    assert all(one.moved_bytes > 0 for one in found)
