"""Pointwise convolutions as matrix products."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx
import pytest
from onnx import helper

from edgeinfer_converters.graph.biases import add_biases
from edgeinfer_converters.graph.macs import count_macs
from edgeinfer_converters.graph.rows import as_rows, is_pointwise
from edgeinfer_converters.graph.view import GraphView
from tests.fixtures.graphs import bottlenecks, conv, filters, graph_of, run, samples_of

PLANE = (1, 4, 8, 8)


def prepared() -> onnx.ModelProto:
    return add_biases(bottlenecks())


def test_the_same_function() -> None:
    model = prepared()
    rows = as_rows(model, frozenset({"first", "expand1", "project2", "last"}))
    onnx.checker.check_model(rows.model, full_check=True)
    kinds = {node.name: node.op_type for node in rows.model.graph.node}
    assert {kinds[name] for name in ("first", "expand1", "project2", "last")} == {"Gemm"}
    assert kinds["project1"] == "Conv"
    assert sum(count_macs(rows.model).values()) == sum(count_macs(model).values())
    for sample in samples_of(model, 2, seed=3):
        np.testing.assert_allclose(run(model, sample)[0], run(rows.model, sample)[0], rtol=1e-4, atol=1e-5)


def test_a_clamp_comes_before_the_way_back() -> None:
    rows = as_rows(prepared(), frozenset({"expand1"}))
    kinds = [node.op_type for node in rows.model.graph.node if "expand1" in node.name or node.name == "clip1"]
    assert kinds == ["Transpose", "Reshape", "Gemm", "Clip", "Reshape", "Transpose"]


def test_what_stands_for_what() -> None:
    rows = as_rows(prepared(), frozenset({"expand1", "project1"}))
    view = GraphView(rows.model)
    assert set(rows.into) == set(rows.back) == {"expand1", "project1"}
    gemm = next(node for node in view.nodes if node.name == "expand1")
    assert rows.tensors[gemm.input[0]] == "b0"
    assert rows.tensors[gemm.output[0]] == "e1"
    assert rows.tensors[view.readers[gemm.output[0]][0].output[0]] == "c1"
    names = {node.name for node in view.nodes}
    assert rows.into["expand1"] | rows.back["expand1"] <= names


def test_nothing_to_do_changes_nothing() -> None:
    model = prepared()
    assert [node.name for node in as_rows(model, frozenset()).model.graph.node] == [
        node.name for node in model.graph.node
    ]


def test_the_model_that_was_given_stays_as_it_is() -> None:
    model = prepared()
    before = model.SerializeToString(deterministic=True)
    as_rows(model, frozenset({"first"}))
    assert model.SerializeToString(deterministic=True) == before


@pytest.mark.parametrize(
    ("attributes", "shape", "weights", "pointwise"),
    [
        ({}, PLANE, filters(4, 4, 1), True),
        ({"strides": [2, 2]}, (1, 4, 4, 4), filters(4, 4, 1), False),
        ({"group": 2}, PLANE, filters(4, 2, 1), False),
        ({"pads": [1] * 4}, (1, 4, 10, 10), filters(4, 4, 1), False),
        ({"pads": [1] * 4}, PLANE, filters(4, 4, 3), False),
    ],
)
def test_what_is_pointwise(
    attributes: dict[str, Any], shape: tuple[int, ...], weights: np.ndarray, *, pointwise: bool
) -> None:
    node = helper.make_node("Conv", ["x", "w"], ["y"], "conv", **attributes)
    view = GraphView(graph_of([node], shape, {"w": weights}))
    assert is_pointwise(view.nodes[0], view) is pointwise


def test_shared_weights_cannot_change_their_shape() -> None:
    one = helper.make_node("Conv", ["x", "w"], ["a"], "one")
    two = helper.make_node("Conv", ["a", "w"], ["b"], "two")
    view = GraphView(
        graph_of([one, two, conv("b", "y", "v")], PLANE, {"w": filters(4, 4, 1), "v": filters()})
    )
    assert not any(is_pointwise(node, view) for node in view.nodes)
