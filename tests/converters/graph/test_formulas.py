"""Functions of one tensor."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import onnx
import pytest
from onnx import helper

from edgeinfer_converters.graph.formulas import (
    Formula,
    find_formulas,
    formula_of,
    formulas_from,
    is_pointwise,
)
from edgeinfer_converters.graph.view import GraphView
from tests.fixtures.graphs import GELU_NUMBERS, conv, filters, gelu, graph_of

CONSTANTS = {
    "w": filters(),
    "v": filters(seed=1),
    **GELU_NUMBERS,
    "slopes": np.full((4, 1, 1), 0.25),
}


def view_of(*nodes: onnx.NodeProto) -> GraphView:
    """A graph in which a convolution makes `a` and these nodes the rest."""
    all_nodes = [conv("x", "a"), *nodes]
    used = {name for node in all_nodes for name in node.input}
    return GraphView(
        graph_of(all_nodes, (1, 4, 8, 8), {name: CONSTANTS[name] for name in CONSTANTS if name in used})
    )


def names(formula: Formula | None) -> list[str]:
    """Of its operators."""
    assert formula is not None
    return [node.name for node in formula.nodes]


def test_gelu() -> None:
    view = view_of(*gelu("a", "b"), conv("b", "y", "v"))
    (formula,) = find_formulas(view)
    assert (formula.source, formula.target) == ("a", "b")
    assert names(formula) == ["div_b", "erf_b", "add_b", "mul_b", "half_b"]
    assert formula.operators == {"Div", "Erf", "Add", "Mul"}


def test_all_that_begin_at_a_tensor() -> None:
    view = view_of(*gelu("a", "b"), conv("b", "y", "v"))
    # In front of the product of both branches there are two tensors to read: `a` itself is one.
    found = list(formulas_from(view, "a"))
    assert [formula.target for formula in found] == ["b_div", "b_erf", "b_add", "b_mul", "b"]
    assert found[-1] == formula_of(view, "a")


def test_a_tensor_within_that_others_read_ends_it() -> None:
    nodes = [
        *gelu("a", "b"),
        conv("b_erf", "c", "v"),
        helper.make_node("Add", ["b", "c"], ["y"], "join"),
    ]
    view = view_of(*nodes)
    # Behind it others read two tensors at any point.
    assert names(formula_of(view, "a")) == ["div_b", "erf_b"]


def test_an_output_of_the_graph_ends_it() -> None:
    view = view_of(*gelu("a", "y"))
    assert names(formula_of(view, "a")) == ["div_y", "erf_y", "add_y", "mul_y", "half_y"]
    assert formula_of(view, "y") is None


def test_the_tensor_itself_may_be_read_elsewhere() -> None:
    nodes = [helper.make_node("Tanh", ["a"], ["t"], "tanh"), conv("a", "c", "v")]
    view = view_of(*nodes, helper.make_node("Add", ["t", "c"], ["y"], "join"))
    formula = formula_of(view, "a")
    assert names(formula) == ["tanh"]


def test_a_number_a_channel_is_no_function_of_one_number() -> None:
    prelu = helper.make_node("PRelu", ["a", "slopes"], ["b"], "prelu")
    assert formula_of(view_of(prelu, conv("b", "y", "v")), "a") is None


def test_two_tensors_that_meet_are_none() -> None:
    nodes = [conv("x", "b", "v"), helper.make_node("Mul", ["a", "b"], ["y"], "mul")]
    assert list(find_formulas(view_of(*nodes))) == []


def test_a_long_chain_is_cut() -> None:
    tensors = ["a", *(f"t{k}" for k in range(39)), "y"]
    chain = [
        helper.make_node("Tanh", [source], [target], f"tanh_{target}") for source, target in pairwise(tensors)
    ]
    formulas = list(find_formulas(view_of(*chain)))
    assert [len(formula.nodes) for formula in formulas] == [16, 16, 8]
    assert [name for formula in formulas for name in names(formula)] == [node.name for node in chain]


@pytest.mark.parametrize(
    ("node", "expected"),
    [
        (helper.make_node("Tanh", ["a"], ["b"]), True),
        (helper.make_node("Add", ["a", "b"], ["c"]), True),
        (helper.make_node("Softmax", ["a"], ["b"]), False),
        (helper.make_node("Cast", ["a"], ["b"], to=1), False),
        (helper.make_node("Tanh", ["a"], ["b"], domain="com.example"), False),
    ],
)
def test_pointwise(node: onnx.NodeProto, expected: bool) -> None:
    assert is_pointwise(node) is expected


def test_what_adds_dimensions_is_none() -> None:
    add = helper.make_node("Add", ["a", "deep"], ["b"], "add")
    nodes = [conv("x", "a"), add, helper.make_node("Tanh", ["b"], ["y"], "tanh")]
    weights = {"w": CONSTANTS["w"], "deep": np.full((1, 1, 1, 1, 1), 2.0)}
    view = GraphView(graph_of(nodes, (1, 1, 4, 8, 8), weights))
    assert formula_of(view, "a") is None
    assert names(formula_of(view, "b")) == ["tanh"]


def test_results_that_are_no_floats_end_it() -> None:
    nodes = [
        conv("x", "a"),
        helper.make_node("Tanh", ["a"], ["t"], "tanh"),
        helper.make_node("Cast", ["t"], ["i"], "cast", to=onnx.TensorProto.INT64),
        helper.make_node("Abs", ["i"], ["j"], "abs"),
        helper.make_node("Cast", ["j"], ["y"], "back", to=onnx.TensorProto.FLOAT),
    ]
    view = GraphView(graph_of(nodes, (1, 4, 8, 8), {"w": CONSTANTS["w"]}))
    assert names(formula_of(view, "a")) == ["tanh"]
    assert [formula.source for formula in find_formulas(view)] == ["a"]
