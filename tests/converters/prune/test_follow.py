"""Operators are followed by an explicit list; behind all others channels are fixed."""

from __future__ import annotations

import numpy as np
import pytest
from onnx import defs, helper

from edgeinfer_converters.graph.view import GraphView
from edgeinfer_converters.prune.flow import Flow
from edgeinfer_converters.prune.follow import RULES, follow
from edgeinfer_converters.prune.products import PRODUCTS
from tests.fixtures.pruning import between, grouping_of, one, only, reason


def test_the_list_names_operators_that_exist() -> None:
    assert {schema.name for schema in defs.get_all_schemas()} >= RULES.keys()
    assert RULES.keys() >= PRODUCTS


@pytest.mark.parametrize(
    ("nodes", "constants"),
    [
        ([one("CumSum", ["a", "k"])], {"k": np.array(1)}),
        ([one("LRN", size=3)], {}),
        ([one("Trilu")], {}),
        ([one("Shape", outputs=["s"]), one("Expand", ["a", "s"])], {}),
        ([one("ReverseSequence", ["a", "k"], time_axis=1, batch_axis=0)], {"k": np.array([3])}),
    ],
)
def test_operators_that_are_not_listed_freeze(nodes: list, constants: dict[str, np.ndarray]) -> None:
    model = between(nodes, constants)
    assert not grouping_of(model).groups
    assert f"{nodes[0].op_type} `{nodes[0].name}`: it may treat channels" in reason(model)


def test_operators_of_other_domains_are_not_those_of_the_list() -> None:
    model = between([one("Relu")])
    flow = Flow(GraphView(model))
    follow(model.graph.node[0], flow)
    follow(helper.make_node("Relu", ["a"], ["b"], "foreign", domain="com.example"), flow)
    assert flow.at("b") is None
    assert "foreign" in flow.frozen[0]


def test_behind_a_fixed_tensor_a_product_makes_new_channels() -> None:
    model = between(
        [one("LRN", ["x"], ["c"], size=3), one("Conv", ["c", "u"], ["d"]), one("Add", ["a", "d"])],
        {"u": np.ones((4, 4, 1, 1))},
    )
    assert [member.node for member in only(model).producers] == ["conv_a", "conv_d"]


@pytest.mark.parametrize("kind", sorted(RULES))
def test_no_rule_minds_tensors_without_channels(kind: str) -> None:
    """Behind the input of a graph nothing can go, whatever the operator."""
    flow = Flow(GraphView(between([one("Relu")])))
    places = "v" if kind in PRODUCTS else "x"
    follow(helper.make_node(kind, ["x", places], ["z"], "node", perm=[0, 1, 2, 3]), flow)
    assert not flow.frozen
    assert (flow.at("z") is None) or kind in PRODUCTS
