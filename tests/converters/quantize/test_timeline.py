"""When tensors are made and read."""

from __future__ import annotations

import numpy as np
import onnx
import pytest
from onnx import helper

from edgeinfer_converters.quantize.timeline import GIVEN, Timeline
from tests.fixtures.graphs import GRAPHS, residual


def by_hand(model: onnx.ModelProto, position: int) -> set[str]:
    """What nodes from a position on read, of a graph without subgraphs."""
    return {name for node in model.graph.node[position:] for name in node.input if name}


@pytest.mark.parametrize("name", sorted(GRAPHS))
def test_needed_is_what_is_read_from_there_on(name: str) -> None:
    model = GRAPHS[name]()
    timeline = Timeline(model)
    for position in range(len(model.graph.node) + 1):
        assert timeline.needed_behind(position) == by_hand(model, position)


@pytest.mark.parametrize("name", sorted(GRAPHS))
def test_what_waits_was_made_before_and_is_no_constant(name: str) -> None:
    model = GRAPHS[name]()
    timeline = Timeline(model)
    given = {value.name for value in model.graph.input}
    for position in range(len(model.graph.node) + 1):
        before = given | {one for node in model.graph.node[:position] for one in node.output}
        last = set(model.graph.node[position - 1].output) if position else set()
        assert timeline.results(position) == last
        assert timeline.waiting(position) == (by_hand(model, position) | last) & before


def test_positions() -> None:
    model = residual()
    timeline = Timeline(model)
    assert timeline.made["x"] == GIVEN
    for position, node in enumerate(model.graph.node):
        assert timeline.made[node.output[0]] == position
        assert timeline.reads[position] == tuple(node.input)
        assert all(timeline.last_read[name] >= position for name in node.input)
    assert not timeline.made.keys() & {one.name for one in model.graph.initializer}


def test_types_are_known_of_inputs_and_inferred_tensors() -> None:
    model = onnx.shape_inference.infer_shapes(residual())
    kinds = Timeline(model).kinds
    assert kinds["x"] == model.graph.input[0]
    assert set(kinds) == {value.name for value in (*model.graph.value_info, *model.graph.input)}


def test_a_subgraph_reads_from_outside() -> None:
    inner = helper.make_graph(
        [helper.make_node("Add", ["a", "b"], ["c"])], "then", [], [helper.make_empty_tensor_value_info("c")]
    )
    nodes = [
        helper.make_node("Relu", ["x"], ["a"]),
        helper.make_node("Relu", ["x"], ["b"]),
        helper.make_node("If", ["flag"], ["y"], then_branch=inner, else_branch=inner),
    ]
    graph = helper.make_graph(
        nodes,
        "g",
        [helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, [1]) for name in ("x", "flag")],
        [helper.make_empty_tensor_value_info("y")],
        [onnx.numpy_helper.from_array(np.zeros(1, np.float32), "unused")],
    )
    timeline = Timeline(helper.make_model(graph))
    assert timeline.reads[2] == ("flag", "a", "b")
    assert timeline.needed_behind(2) == {"flag", "a", "b"}
    assert timeline.waiting(1) == {"x", "flag", "a"}
