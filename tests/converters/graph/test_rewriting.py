"""Other nodes in a graph."""

from __future__ import annotations

import numpy as np
import onnx
from onnx import helper

from edgeinfer_converters.graph.rewriting import with_nodes
from tests.fixtures.lite import model_of, normal


def test_nodes_change_places_and_constants_go_with_them() -> None:
    nodes = [
        helper.make_node("Add", ["x", "one"], ["a"], "first"),
        helper.make_node("Mul", ["a", "two"], ["y"], "second"),
    ]
    constants = {"one": np.ones(1, np.float32), "two": np.full(1, 2, np.float32)}
    model = model_of(nodes, {"x": normal(3)}, ("y",), constants=constants)
    kept = model.graph.node[1]
    replaced = with_nodes(model, [helper.make_node("Relu", ["x"], ["a"], "relu"), kept])
    assert replaced is model
    assert [node.name for node in model.graph.node] == ["relu", "second"]
    assert [tensor.name for tensor in model.graph.initializer] == ["two"]
    onnx.checker.check_model(onnx.shape_inference.infer_shapes(model), full_check=True)


def test_constants_that_subgraphs_or_the_outside_read_stay() -> None:
    inner = helper.make_graph(
        [helper.make_node("Identity", ["two"], ["z"])],
        "branch",
        [],
        [helper.make_tensor_value_info("z", onnx.TensorProto.FLOAT, [1])],
    )
    other = onnx.GraphProto()
    other.CopyFrom(inner)
    branch = helper.make_node("If", ["yes"], ["y"], "if", then_branch=inner, else_branch=other)
    constants = {"two": np.full(1, 2, np.float32), "yes": np.array(True), "seen": np.ones(2, np.float32)}
    model = model_of([branch], {"x": normal(3)}, ("y",), constants=constants)
    model.graph.output.append(helper.make_tensor_value_info("seen", onnx.TensorProto.FLOAT, [2]))
    names = [tensor.name for tensor in model.graph.initializer]
    assert [one.name for one in with_nodes(model, list(model.graph.node)).graph.initializer] == names
