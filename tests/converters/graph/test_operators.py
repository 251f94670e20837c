"""What ONNX Runtime can run."""

from __future__ import annotations

from onnx import helper

from edgeinfer_converters.graph.operators import operator_name, unsupported_operators
from tests.fixtures.models import doubler, image_classifier


def test_standard_operators_can_run() -> None:
    assert unsupported_operators(image_classifier()) == ()


def test_operators_that_are_defined_by_others_and_constants_can_run() -> None:
    model = doubler()
    for op_type in ("Constant", "HardSwish", "Softplus", "Clip", "MeanVarianceNormalization"):
        model.graph.node.append(helper.make_node(op_type, ["x"], [op_type]))
    assert unsupported_operators(model) == ()


def test_the_runtime_s_own_operators_can_run() -> None:
    model = doubler()
    model.graph.node.append(helper.make_node("FusedMatMul", ["x", "x"], ["z"], domain="com.microsoft"))
    assert unsupported_operators(model) == ()


def test_others_are_named_once_and_sorted() -> None:
    model = doubler()
    for op_type, domain in (("Zed", ""), ("Zed", "ai.onnx"), ("Foo", "b.c"), ("Foo", "b.c"), ("Foo", "a")):
        model.graph.node.append(helper.make_node(op_type, ["x"], ["z"], domain=domain))
    assert unsupported_operators(model) == ("Zed", "a.Foo", "b.c.Foo")


def test_functions_of_the_model_are_known() -> None:
    model = doubler()
    model.graph.node.append(helper.make_node("F", ["x"], ["z"], domain="own"))
    assert unsupported_operators(model) == ("own.F",)
    model.functions.append(
        helper.make_function(
            "own", "F", ["a"], ["b"], [helper.make_node("Bad", ["a"], ["b"])], [helper.make_opsetid("", 17)]
        )
    )
    assert unsupported_operators(model) == ("Bad",)


def test_names_for_people() -> None:
    assert operator_name("", "Conv") == operator_name("ai.onnx", "Conv") == "Conv"
    assert operator_name("com.example", "Foo") == "com.example.Foo"
