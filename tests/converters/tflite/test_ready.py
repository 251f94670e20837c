"""The form of the graph that is lowered."""

from __future__ import annotations

import numpy as np
import onnx
import pytest
from onnx import helper

from edgeinfer.errors import ModelError
from edgeinfer_converters.tflite.convert import to_tflite
from edgeinfer_converters.tflite.operators import OPERATORS
from edgeinfer_converters.tflite.ready import MIN_OPSET, make_ready
from tests.fixtures.lite import check_agrees, model_of, node_model, normal, run_onnx

NOTHING: frozenset[str] = frozenset()


def kinds(model: onnx.ModelProto) -> list[str]:
    return [node.op_type for node in model.graph.node]


def test_what_is_known_stays() -> None:
    model = node_model("Elu", {"x": normal(3)})
    assert kinds(make_ready(model, frozenset({"Elu"}))) == ["Elu"]


def test_definitions_stand_in_for_what_is_not() -> None:
    ready = make_ready(node_model("HardSwish", {"x": normal(3)}), frozenset({"HardSigmoid", "Mul"}))
    assert kinds(ready) == ["HardSigmoid", "Mul"]


def test_what_the_standard_does_not_know_stays() -> None:
    model = node_model("Elu", {"x": normal(3)})
    model.graph.node[0].op_type = "Nonesuch"
    assert kinds(make_ready(model, NOTHING)) == ["Nonesuch"]
    with pytest.raises(ModelError, match=r"Nonesuch `elu`.*no equal is known"):
        to_tflite(model)


def test_definitions_that_depend_on_types_of_other_definitions() -> None:
    """CastLike's needs the type of what Elu's computes."""
    ready = make_ready(node_model("Elu", {"x": normal(3)}, opset=18), NOTHING)
    assert "CastLike" not in kinds(ready)
    assert "Cast" in kinds(ready)


def test_defaults_are_not_forgotten() -> None:
    """MeanVarianceNormalization is over the axes 0, 2 and 3, not over all."""
    values = helper.make_tensor_value_info("x", onnx.TensorProto.FLOAT, [2, 3, 4, 5])
    result = helper.make_tensor_value_info("y", onnx.TensorProto.FLOAT, [2, 3, 4, 5])
    node = helper.make_node("MeanVarianceNormalization", ["x"], ["y"])
    graph = helper.make_graph([node], "graph", [values], [result])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=10)
    check_agrees(model, {"x": normal(2, 3, 4, 5)})


def test_old_operators_are_raised() -> None:
    info = helper.make_tensor_value_info("x", onnx.TensorProto.FLOAT, [2, 3])
    result = helper.make_tensor_value_info("y", onnx.TensorProto.FLOAT, [2])
    node = helper.make_node("ReduceSum", ["x"], ["y"], axes=[1], keepdims=0)
    model = helper.make_model(
        helper.make_graph([node], "graph", [info], [result]),
        opset_imports=[helper.make_opsetid("", 9)],
        ir_version=4,
    )
    ready = make_ready(model, frozenset({"ReduceSum"}))
    assert ready.opset_import[0].version == MIN_OPSET
    assert len(ready.graph.node[0].input) == 2


def test_the_model_itself_is_left_alone() -> None:
    model = node_model("Elu", {"x": normal(3)})
    before = model.SerializeToString()
    make_ready(model, NOTHING)
    assert model.SerializeToString() == before


def test_constants_become_initializers() -> None:
    nodes = [
        helper.make_node("Constant", [], ["c"], value_floats=[1.0, 2.0]),
        helper.make_node("Add", ["x", "c"], ["y"]),
    ]
    info = helper.make_tensor_value_info("x", onnx.TensorProto.FLOAT, [2])
    model = helper.make_model(helper.make_graph(nodes, "graph", [info], [onnx.ValueInfoProto(name="y")]))
    ready = make_ready(model, frozenset({"Add"}))
    assert kinds(ready) == ["Add"]
    np.testing.assert_array_equal(onnx.numpy_helper.to_array(ready.graph.initializer[0]), [1, 2])


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
