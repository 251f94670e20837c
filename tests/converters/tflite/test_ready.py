"""The form that is lowered."""

from __future__ import annotations

import numpy as np
import onnx
from onnx import helper

from edgeinfer_converters.tflite.operators import OPERATORS
from edgeinfer_converters.tflite.ready import MIN_OPSET, make_ready
from tests.fixtures.lite import model_of, node_model, normal, run_onnx


def test_unknown_operators_become_their_definition() -> None:
    model = node_model("Softsign", {"x": normal(2, 3)}, opset=18)
    ready = make_ready(model, frozenset(OPERATORS) - {"Softsign"})
    assert {node.op_type for node in ready.graph.node} <= set(OPERATORS) | {"Constant", "CastLike"}
    assert "Softsign" not in {node.op_type for node in ready.graph.node}
    inputs = {"x": normal(2, 3)}
    np.testing.assert_allclose(run_onnx(ready, inputs)["y"], run_onnx(model, inputs)["y"], rtol=1e-6)
    assert [node.op_type for node in make_ready(model, {"Softsign"}).graph.node] == ["Softsign"]


def test_old_models_are_raised_and_nodes_named() -> None:
    model = node_model("Relu", {"x": normal(2, 3)}, opset=9)
    model.graph.node[0].name = ""
    ready = make_ready(model, frozenset(OPERATORS))
    assert ready.opset_import[0].version == MIN_OPSET
    assert ready.graph.node[0].name
    assert model.opset_import[0].version == 9


def test_constants_and_the_batch() -> None:
    nodes = [
        helper.make_node("Constant", [], ["c"], value=onnx.numpy_helper.from_array(np.ones(3, np.float32))),
        helper.make_node("Add", ["x", "c"], ["y"]),
    ]
    model = model_of(nodes, {"x": normal(1, 3)}, ["y"])
    model.graph.input[0].type.tensor_type.shape.dim[0].dim_param = "batch"
    ready = make_ready(model, frozenset(OPERATORS))
    assert [node.op_type for node in ready.graph.node] == ["Add"]
    assert [tensor.name for tensor in ready.graph.initializer] == ["c"]
    assert ready.graph.input[0].type.tensor_type.shape.dim[0].dim_value == 1
