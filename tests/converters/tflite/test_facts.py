"""What is known of tensors without running the model."""

from __future__ import annotations

import numpy as np
import onnx
import pytest
from onnx import helper

from edgeinfer_converters.tflite.facts import Facts
from edgeinfer_converters.tflite.faults import UnsupportedError
from edgeinfer_converters.tflite.nodes import Node
from tests.fixtures.lite import OPSET, Arrays, model_of, normal


def learned(model: onnx.ModelProto) -> Facts:
    facts = Facts.of(model, OPSET)
    for proto in facts.view.nodes:
        facts.learn(Node(proto, OPSET))
    return facts


def of(nodes: list[onnx.NodeProto], inputs: Arrays, **constants: np.ndarray) -> Facts:
    return learned(model_of(nodes, inputs, ["y"], constants=constants))


def test_shapes_and_types_are_inferred() -> None:
    facts = of([helper.make_node("Transpose", ["x"], ["y"])], {"x": normal(2, 3)})
    assert facts.shape("y") == (3, 2)
    assert facts.dtype("y") == np.float32
    assert not facts.is_constant("y")


def test_constants_are_computed() -> None:
    nodes = [
        helper.make_node("Shape", ["x"], ["s"]),
        helper.make_node("Mul", ["s", "two"], ["t"]),
        helper.make_node("Expand", ["x", "t"], ["y"]),
    ]
    facts = of(nodes, {"x": normal(1, 1)}, two=np.array([2, 3]))
    np.testing.assert_array_equal(facts.constant("t"), [2, 3])
    assert facts.shape("y") == (2, 3)


def test_sizes_are_constants() -> None:
    facts = of([helper.make_node("Size", ["x"], ["y"])], {"x": normal(2, 3)})
    np.testing.assert_array_equal(facts.constant("y"), 6)


def test_random_numbers_are_not() -> None:
    node = helper.make_node("RandomNormal", [], ["y"], shape=[2])
    assert not of([node, helper.make_node("Neg", ["x"], ["z"])], {"x": normal(2)}).is_constant("y")


def test_declared_shapes_are_traced_back() -> None:
    nodes = [
        helper.make_node("ReduceSum", ["x", "axes"], ["s"]),
        helper.make_node("Log", ["s"], ["l"]),
        helper.make_node("Neg", ["l"], ["y"]),
    ]
    model = model_of(nodes, {"x": normal(2, 3), "axes": np.array([1])}, ["y"])
    del model.graph.value_info[:]
    shape = model.graph.output[0].type.tensor_type.shape
    shape.ClearField("dim")
    for side in (2, 1):
        shape.dim.add().dim_value = side
    facts = learned(model)
    assert facts.shape("s") == (2, 1)
    assert facts.dtype("s") == np.float32


def test_what_is_not_known_is_told() -> None:
    nodes = [helper.make_node("ReduceSum", ["x", "axes"], ["y"])]
    model = model_of(nodes, {"x": normal(2, 3), "axes": np.array([1])}, ["y"])
    model.graph.output[0].type.tensor_type.ClearField("shape")
    facts = learned(model)
    with pytest.raises(UnsupportedError, match="only when the model runs"):
        facts.shape("y")
    with pytest.raises(UnsupportedError, match="no tensor of a known type"):
        facts.dtype("nothing")
