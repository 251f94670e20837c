"""Formulas whose operators append kernels."""

from __future__ import annotations

import numpy as np
import onnx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from onnx import helper

from edgeinfer_converters.graph.view import GraphView
from edgeinfer_converters.tflite.facts import Facts
from edgeinfer_converters.tflite.faults import UnsupportedError
from edgeinfer_converters.tflite.lowering import Lowering
from edgeinfer_converters.tflite.operators.formulas import Term
from edgeinfer_converters.tflite.qdq import find_sites
from edgeinfer_converters.tflite.tensors import Graph
from tests.fixtures.lite import check_agrees, model_of, normal


def lowering() -> Lowering:
    model = helper.make_model(helper.make_graph([], "empty", [], []))
    view = GraphView(model)
    return Lowering(Graph(), Facts.of(model, 17), find_sites(view), view)


def term(at: Lowering, *shape: int, dtype: str = "float32") -> Term:
    return Term(at, at.graph.tensor("x", shape, dtype))


def codes(at: Lowering) -> list[str]:
    return [operator.code for operator in at.graph.operators]


def test_each_operator_appends_a_kernel() -> None:
    at = lowering()
    x, y = term(at, 2, 3), term(at, 2, 3)
    _ = (x + y, x - y, x * y, x / y, -x)
    assert codes(at) == ["ADD", "SUB", "MUL", "DIV", "NEG"]


def test_numbers_take_the_type_of_the_tensor() -> None:
    at = lowering()
    for dtype in ("float32", "int32", "int64"):
        result = 2 * term(at, 4, dtype=dtype) + 1
        assert result.dtype == dtype
        assert result.shape == (4,)
    reversed_order = 1 - term(at, 4)
    operator = at.graph.operators[-1]
    assert at.graph.tensors[operator.inputs[0]].data is not None
    assert reversed_order.shape == (4,)


def test_comparisons_are_boolean_and_choose() -> None:
    at = lowering()
    x = term(at, 2, 1)
    chosen = ((x < 0) | (x > 1) & x.differs(2)).choose(x, term(at, 1, 5))
    assert (chosen.dtype, chosen.shape) == ("float32", (2, 5))
    assert codes(at)[-1] == "SELECT_V2"


def test_operands_of_fewer_axes_broadcast() -> None:
    at = lowering()
    assert (term(at, 3) + term(at, 2, 1, 1)).shape == (2, 1, 3)
    assert term(at, 1, 3).expanded((2, 3)).shape == (2, 3)


def test_kernels_that_lack_a_type_are_refused() -> None:
    with pytest.raises(UnsupportedError, match="EXP does not compute with int32"):
        term(lowering(), 2, dtype="int32").apply("EXP")


@settings(max_examples=20, deadline=None)
@given(st.lists(st.floats(-10, 10, width=32), min_size=1, max_size=5))
def test_formulas_compute_what_they_say(numbers: list[float]) -> None:
    x = np.array(numbers, np.float32)
    nodes: list[onnx.NodeProto] = [helper.make_node("Shrink", ["x"], ["y"], bias=1.5, lambd=2.0)]
    check_agrees(model_of(nodes, {"x": x}, ["y"]), {"x": x})


def test_layouts_are_kept_through_a_formula() -> None:
    image = normal(1, 3, 5, 5)
    nodes = [
        helper.make_node("Conv", ["x", "w"], ["c"]),
        helper.make_node("Softplus", ["c"], ["s"]),
        helper.make_node("Erf", ["s"], ["y"]),
    ]
    constants = {"w": normal(2, 3, 3, 3, seed=1)}
    made = check_agrees(model_of(nodes, {"x": image}, ["y"], constants=constants), {"x": image})
    assert "TRANSPOSE" not in made.operators
