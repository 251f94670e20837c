"""What is stored where, and what it takes to read it otherwise."""

from __future__ import annotations

import numpy as np
import onnx
import pytest
from onnx import helper

from edgeinfer_converters.graph.view import GraphView
from edgeinfer_converters.tflite.facts import Facts
from edgeinfer_converters.tflite.faults import UnsupportedError
from edgeinfer_converters.tflite.lowering import Lowering, Value
from edgeinfer_converters.tflite.nodes import Node
from edgeinfer_converters.tflite.qdq import find_sites
from edgeinfer_converters.tflite.tensors import Graph, Quant
from tests.fixtures.lite import OPSET, model_of, normal


def lowering_of(model: onnx.ModelProto) -> Lowering:
    view = GraphView(model)
    lowering = Lowering(Graph(), Facts.of(model, OPSET), find_sites(view), view)
    for node in model.graph.node:
        lowering.facts.learn(Node(node, OPSET))
    return lowering


def image_lowering() -> Lowering:
    nodes = [helper.make_node("Add", ["x", "c"], ["y"]), helper.make_node("Relu", ["y"], ["z"])]
    return lowering_of(
        model_of(nodes, {"x": normal(1, 3, 4, 5)}, ["z"], constants={"c": normal(3, 1, 1, seed=1)})
    )


def codes(lowering: Lowering) -> list[str]:
    return [operator.code for operator in lowering.graph.operators]


def test_a_tensor_is_turned_once_and_only_if_need_be() -> None:
    at = image_lowering()
    at.write("x", at.graph.tensor("x", (1, 4, 5, 3), "float32"), (0, 2, 3, 1))
    assert at.layout("x") == (0, 2, 3, 1)
    assert at.read("x", (0, 2, 3, 1)) == 0
    assert codes(at) == []
    assert at.read("x") == at.read("x", (0, 1, 2, 3))
    assert codes(at) == ["TRANSPOSE"]
    assert at.graph.tensors[at.read("x")].shape == (1, 3, 4, 5)


def test_constants_are_turned_beforehand() -> None:
    at = image_lowering()
    number = at.read("c", (1, 2, 0))
    assert codes(at) == []
    assert at.graph.tensors[number].shape == (1, 1, 3)
    assert at.transpose(number, (2, 0, 1)) != number
    assert at.cast(number, "float16") != number
    assert codes(at) == []
    with pytest.raises(UnsupportedError, match="nothing has computed `y`"):
        at.read("y")


def test_8_bit_tensors_are_dequantized_for_who_wants_floats() -> None:
    at = image_lowering()
    at.write("x", at.graph.tensor("x", (1, 3, 4, 5), "int8", Quant.whole(0.5, 1)))
    assert at.quant("x") == Quant.whole(0.5, 1)
    assert at.stored("x") == 0
    first = at.read("x")
    assert at.read("x") == first
    assert codes(at) == ["DEQUANTIZE"]
    assert at.requantize(0, Quant.whole(0.5, 1)) == 0
    again = at.requantize(0, Quant.whole(0.25, 0))
    assert at.graph.tensors[again].quant == Quant.whole(0.25, 0)
    assert codes(at) == ["DEQUANTIZE", "QUANTIZE"]


def test_small_types_are_computed_in_larger_ones() -> None:
    nodes = [helper.make_node("Identity", ["x"], ["y"])]
    at = lowering_of(model_of(nodes, {"x": np.zeros((2, 2), np.uint8)}, ["y"]))
    at.write("x", at.graph.tensor("x", (2, 2), "uint8"))
    assert at.graph.tensors[at.read("x")].dtype == "int32"
    at.write("y", at.read("x"))
    assert at.graph.tensors[at.stored("y")].dtype == "uint8"
    assert codes(at) == ["CAST", "CAST"]


def test_a_flattened_image_in_another_order_is_put_right_for_others() -> None:
    nodes = [
        helper.make_node("Conv", ["x", "k"], ["c"]),
        helper.make_node("Flatten", ["c"], ["f"]),
        helper.make_node("MatMul", ["f", "w"], ["m"]),
        helper.make_node("Neg", ["f"], ["n"]),
    ]
    constants = {"k": normal(2, 3, 1, 1), "w": normal(40, 3)}
    model = model_of(nodes, {"x": normal(1, 3, 4, 5)}, ["m", "n"], constants=constants)
    at = lowering_of(model)
    order = tuple(np.random.default_rng(0).permutation(40).tolist())
    at.values["f"] = Value(at.graph.tensor("f", (1, 40), "float32"), (0, 1), order)
    at.read("f")
    assert codes(at) == ["GATHER"]
    indices = at.graph.tensors[at.graph.operators[0].inputs[1]].data
    assert indices is not None
    assert np.array(order)[indices].tolist() == list(range(40))


def test_what_must_be_constant() -> None:
    at = image_lowering()
    node = Node(helper.make_node("Add", ["x", "c"], ["y"]), OPSET)
    assert at.need_constant(node, 1, "numbers").shape == (3, 1, 1)
    with pytest.raises(UnsupportedError, match="its numbers are known only when the model runs"):
        at.need_constant(node, 0, "numbers")
