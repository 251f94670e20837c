"""What is known of tensors without running the model."""

from __future__ import annotations

import numpy as np
import onnx
import pytest
from onnx import helper

from edgeinfer_converters.tflite.facts import MAX_FOLDED_ELEMENTS, Facts
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


def facts_of(nodes: list, outputs: list[str], **constants: np.ndarray) -> tuple[Facts, list[bool]]:
    model = model_of(nodes, {"x": normal(2, 3, 4)}, outputs, constants=constants)
    facts = Facts.of(model, OPSET)
    return facts, [facts.learn(Node(node, OPSET)) for node in model.graph.node]


def test_shapes_of_shapes_are_computed_beforehand() -> None:
    nodes = [
        helper.make_node("Shape", ["x"], ["s"]),
        helper.make_node("Gather", ["s", "last"], ["side"]),
        helper.make_node("Concat", ["first", "side"], ["shape"], axis=0),
        helper.make_node("Reshape", ["x", "shape"], ["y"]),
    ]
    facts, done = facts_of(nodes, ["y"], last=np.array([2]), first=np.array([6]))
    assert done == [True, True, True, False]
    constant = facts.constant("shape")
    assert constant is not None
    assert constant.tolist() == [6, 4]
    assert facts.shape("y") == (6, 4)
    assert facts.dtype("y") == np.float32


def test_a_part_of_a_shape_and_its_size() -> None:
    nodes = [helper.make_node("Shape", ["x"], ["s"], start=1), helper.make_node("Size", ["x"], ["n"])]
    facts, done = facts_of(nodes, ["s", "n"])
    assert done == [True, True]
    assert facts.constant("s").tolist() == [3, 4]  # type: ignore[union-attr]
    assert facts.constant("n") == 24


def test_large_results_and_dice_are_left_to_the_device() -> None:
    side = int(MAX_FOLDED_ELEMENTS**0.5) + 1
    nodes = [
        helper.make_node("Expand", ["one", "sides"], ["large"]),
        helper.make_node("RandomNormal", [], ["dice"], shape=[2]),
    ]
    facts, done = facts_of(nodes, ["large", "dice"], one=np.ones(1), sides=np.array([side, side]))
    assert done == [False, False]
    assert facts.constant("large") is None
    assert facts.shape("large") == (side, side)


def test_what_is_known_only_when_the_model_runs_is_said() -> None:
    nodes = [helper.make_node("NonZero", ["x"], ["y"])]
    facts, _ = facts_of(nodes, ["y"])
    with pytest.raises(UnsupportedError, match="`y` is known only when the model runs"):
        facts.shape("y")
    with pytest.raises(UnsupportedError, match="no tensor of a known type"):
        facts.dtype("nothing")


def test_what_the_model_declares_helps_where_inference_ends() -> None:
    model = model_of(
        [helper.make_node("Reshape", ["x", "shape"], ["y"])],
        {"x": normal(2, 6), "shape": np.array([3, 4])},
        ["y"],
    )
    del model.graph.output[:]
    model.graph.output.append(helper.make_tensor_value_info("y", 1, [3, 4]))
    facts = Facts.of(model, OPSET)
    assert not facts.learn(Node(model.graph.node[0], OPSET))
    assert facts.shape("y") == (3, 4)


def test_a_constant_that_cannot_be_computed_is_told() -> None:
    nodes = [helper.make_node("Reshape", ["data", "shape"], ["y"])]
    model = model_of(nodes, {"x": normal(1)}, [], constants={"data": np.ones(6), "shape": np.array([6])})
    facts = Facts.of(model, OPSET)
    facts.fix("shape", np.array([4]))
    with pytest.raises(UnsupportedError, match="cannot be computed beforehand"):
        facts.learn(Node(model.graph.node[0], OPSET))


def test_a_shape_that_onnx_has_no_rule_for() -> None:
    nodes = [
        helper.make_node("MeanVarianceNormalization", ["x"], ["m"]),
        helper.make_node("Transpose", ["m"], ["y"]),
    ]
    image = helper.make_tensor_value_info("x", onnx.TensorProto.FLOAT, [1, 2, 3, 4])
    graph = helper.make_graph(nodes, "graph", [image], [onnx.ValueInfoProto(name="y")])
    facts = learned(helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)]))
    assert facts.shape("m") == (1, 2, 3, 4)
    assert facts.shape("y") == (4, 3, 2, 1)
