"""If with a condition that is known."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import onnx
import pytest
from onnx import helper, numpy_helper

from edgeinfer.errors import ModelError
from edgeinfer_converters.tflite.convert import to_tflite
from tests.fixtures.lite import check_agrees, model_of, normal


def branch(nodes: Sequence[onnx.NodeProto], result: str, **constants: np.ndarray) -> onnx.GraphProto:
    stored = [numpy_helper.from_array(values, name) for name, values in constants.items()]
    made = helper.make_tensor_value_info(result, onnx.TensorProto.FLOAT, None)
    return helper.make_graph(list(nodes), "branch", [], [made], stored)


def choice(condition: str, *, result: str = "y") -> onnx.NodeProto:
    twice = branch([helper.make_node("Mul", ["x", "two"], ["a"])], "a", two=np.array(2, np.float32))
    less = branch(
        [
            helper.make_node("Constant", [], ["c"], value_float=1.5),
            helper.make_node("Sub", ["x", "c"], ["b"]),
        ],
        "b",
    )
    return helper.make_node("If", [condition], [result], then_branch=twice, else_branch=less)


@pytest.mark.parametrize("condition", [True, False])
def test_the_branch_of_a_constant_is_taken(*, condition: bool) -> None:
    inputs = {"x": normal(2, 3)}
    made = check_agrees(
        model_of([choice("c0")], inputs, ["y"], constants={"c0": np.array(condition)}), inputs
    )
    assert made.operators == {"MUL" if condition else "SUB": 1}


def test_conditions_on_shapes_are_known() -> None:
    nodes = [
        helper.make_node("Shape", ["x"], ["s"]),
        helper.make_node("Size", ["s"], ["rank"]),
        helper.make_node("Equal", ["rank", "three"], ["is_three"]),
        choice("is_three", result="z"),
        helper.make_node("Neg", ["z"], ["y"]),
    ]
    for shape in ((2, 3), (2, 3, 4)):
        inputs = {"x": normal(*shape)}
        made = check_agrees(model_of(nodes, inputs, ["y"], constants={"three": np.array(3)}), inputs)
        assert made.operators == {"MUL" if len(shape) == 3 else "SUB": 1, "NEG": 1}


def test_a_branch_may_be_a_constant() -> None:
    node = helper.make_node(
        "If",
        ["c0"],
        ["z"],
        then_branch=branch([], "k", k=np.array([1, 2, 3], np.float32)),
        else_branch=branch([helper.make_node("Neg", ["x"], ["b"])], "b"),
    )
    inputs = {"x": normal(3)}
    nodes = [node, helper.make_node("Add", ["x", "z"], ["y"])]
    check_agrees(model_of(nodes, inputs, ["y"], constants={"c0": np.array(True)}), inputs)


def test_a_branch_may_pass_on_what_is_outside() -> None:
    node = helper.make_node(
        "If",
        ["c0"],
        ["y"],
        then_branch=branch([helper.make_node("Identity", ["n"], ["k"])], "k"),
        else_branch=branch([helper.make_node("Neg", ["x"], ["b"])], "b"),
    )
    inputs = {"x": normal(1, 3, 5, 5)}
    nodes = [helper.make_node("Conv", ["x", "w"], ["n"]), node]
    constants = {"c0": np.array(True), "w": normal(3, 3, 1, 1, seed=1)}
    check_agrees(model_of(nodes, inputs, ["y"], constants=constants), inputs)


def test_faults_within_are_told() -> None:
    node = helper.make_node(
        "If",
        ["c0"],
        ["y"],
        then_branch=branch([helper.make_node("Unique", ["x"], ["k"], name="inner")], "k"),
        else_branch=branch([helper.make_node("Neg", ["x"], ["b"])], "b"),
    )
    with pytest.raises(ModelError, match="Unique `inner`"):
        to_tflite(model_of([node], {"x": normal(3)}, ["y"], constants={"c0": np.array(True)}))


def test_conditions_that_the_model_computes_are_refused() -> None:
    inputs = {"x": normal(3), "c0": np.array(True)}
    with pytest.raises(ModelError, match="condition is known only when the model runs"):
        to_tflite(model_of([choice("c0")], inputs, ["y"]))
