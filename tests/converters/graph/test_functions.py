"""Functions become nodes."""

from __future__ import annotations

import math

import onnx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from onnx import helper

from edgeinfer.errors import ModelError
from edgeinfer_converters.graph.functions import MAX_EXPANDED_NODES, check_expansion, inline_functions
from tests.fixtures.models import doubler


def calling() -> onnx.ModelProto:
    model = doubler()
    model.graph.node[0].CopyFrom(helper.make_node("Twice", ["x"], ["y"], domain="own"))
    body = [helper.make_node("Add", ["a", "a"], ["b"])]
    model.functions.append(
        helper.make_function("own", "Twice", ["a"], ["b"], body, [helper.make_opsetid("", 17)])
    )
    model.opset_import.add(domain="own", version=1)
    return model


def test_a_call_becomes_its_nodes() -> None:
    flat = inline_functions(calling())
    assert [node.op_type for node in flat.graph.node] == ["Add"]
    assert not flat.functions


def test_a_model_without_functions_is_left_alone() -> None:
    model = doubler()
    assert inline_functions(model) is model


def test_a_failure_is_translated(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(model: onnx.ModelProto) -> onnx.ModelProto:
        raise RuntimeError("cycle\n  of calls")

    monkeypatch.setattr(onnx.inliner, "inline_local_functions", fail)
    with pytest.raises(ModelError, match="cannot be expanded: cycle of calls"):
        inline_functions(calling())


def chain(calls_of_each: list[int]) -> onnx.ModelProto:
    """Function n calls function n - 1 so many times; the first one is an addition."""
    model = doubler()
    model.graph.node[0].CopyFrom(helper.make_node(f"F{len(calls_of_each)}", ["x"], ["y"], domain="own"))
    opsets = [helper.make_opsetid("", 17), helper.make_opsetid("own", 1)]
    for number, calls in enumerate([1, *calls_of_each]):
        kind, domain = (f"F{number - 1}", "own") if number else ("Abs", "")
        names = ["a", *(f"t{step}" for step in range(calls - 1)), "b"]
        body = [
            helper.make_node(kind, [names[k]], [names[k + 1]], domain=domain) for k in range(len(names) - 1)
        ]
        model.functions.append(helper.make_function("own", f"F{number}", ["a"], ["b"], body, opsets))
    model.opset_import.add(domain="own", version=1)
    return model


@given(st.lists(st.integers(1, 3), max_size=5))
def test_what_is_counted_is_what_the_inliner_makes(calls: list[int]) -> None:
    model = chain(calls)
    check_expansion(model)
    assert len(inline_functions(model).graph.node) == math.prod(calls)


@pytest.mark.parametrize("depth", [18, 30, 2000])
def test_functions_that_multiply_are_refused_before_anything_expands_them(depth: int) -> None:
    with pytest.raises(ModelError, match=f"more than {MAX_EXPANDED_NODES} operators"):
        check_expansion(chain([2] * depth))
    check_expansion(chain([2] * 17))
    check_expansion(chain([1] * 2000))


def test_functions_that_call_each_other_are_refused() -> None:
    model = chain([1, 1])
    model.functions[0].node[0].CopyFrom(helper.make_node("F2", ["a"], ["b"], domain="own"))
    with pytest.raises(ModelError, match=r"in a circle: `F\d` calls `F\d`"):
        check_expansion(model)


def test_calls_inside_subgraphs_count_too() -> None:
    model = chain([2] * 17)
    inner = helper.make_graph(list(model.graph.node), "inner", [], [])
    del model.graph.node[:]
    model.graph.node.extend(
        helper.make_node("If", ["c"], ["y"], then_branch=inner, else_branch=inner) for _ in range(2)
    )
    with pytest.raises(ModelError, match="more than"):
        check_expansion(model)
