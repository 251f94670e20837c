"""What tensors weigh, counted by hand on small graphs."""

from __future__ import annotations

import itertools

import numpy as np
import onnx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from onnx import TensorProto, helper, numpy_helper

from edgeinfer_converters.graph.memory import parameter_count, peak_activation_bytes, tensor_bytes
from edgeinfer_converters.graph.shapes import infer_shapes
from edgeinfer_converters.graph.view import GraphView
from tests.fixtures.models import doubler, image_classifier, model_of

ROW_BYTES = 4 * 4
"""A row of `chain` and `fan`: four float32."""


def value(name: str) -> onnx.ValueInfoProto:
    return helper.make_tensor_value_info(name, TensorProto.FLOAT, [1, 4])


def chain(length: int) -> onnx.ModelProto:
    """x -> Relu -> Relu … -> y."""
    names = ["x", *(f"t{k}" for k in range(length - 1)), "y"]
    nodes = [helper.make_node("Relu", [a], [b]) for a, b in itertools.pairwise(names)]
    return infer_shapes(model_of(nodes, [value("x")], [value("y")]))


def fan(width: int) -> onnx.ModelProto:
    """`width` branches of x, alive together until they are added up."""
    names = [f"t{k}" for k in range(width)]
    nodes = [helper.make_node("Relu", ["x"], [name]) for name in names]
    nodes.append(helper.make_node("Sum", names, ["y"]))
    return infer_shapes(model_of(nodes, [value("x")], [value("y")]))


def test_parameters_are_the_numbers_in_constants_of_either_kind() -> None:
    weights = numpy_helper.from_array(np.zeros((1, 4), np.float32))
    nodes = [
        helper.make_node("Constant", [], ["c"], value=weights),
        helper.make_node("Constant", [], ["one"], value_float=1.0),
        helper.make_node("Mul", ["x", "c"], ["m"]),
        helper.make_node("Add", ["m", "one"], ["y"]),
    ]
    assert parameter_count(model_of(nodes, [value("x")], [value("y")])) == 4


def test_parameters_are_the_numbers_in_initializers() -> None:
    assert parameter_count(image_classifier()) == 8 * 27 + 8 + 8 * 9 + 8 + 8 * 3 + 3
    assert parameter_count(doubler()) == 0
    scalar = model_of(
        [helper.make_node("Add", ["x", "one"], ["y"])],
        [value("x")],
        [value("y")],
        {"one": np.array(1, np.float32)},
    )
    assert parameter_count(scalar) == 1


@given(st.integers(1, 12))
def test_a_chain_holds_two_tensors_however_long(length: int) -> None:
    assert peak_activation_bytes(chain(length)) == 2 * ROW_BYTES


@given(st.integers(2, 12))
def test_branches_are_held_until_they_meet(width: int) -> None:
    # While the last branch is made x is there too; while they are added, y is in its place.
    assert peak_activation_bytes(fan(width)) == (width + 1) * ROW_BYTES


def test_weights_do_not_count() -> None:
    weights = {"w": np.zeros((4, 4), np.float32)}
    model = model_of([helper.make_node("MatMul", ["x", "w"], ["y"])], [value("x")], [value("y")], weights)
    assert peak_activation_bytes(infer_shapes(model)) == 2 * ROW_BYTES


def test_an_output_is_held_to_the_end() -> None:
    nodes = [
        helper.make_node("Relu", ["x"], ["early"]),
        helper.make_node("Relu", ["x"], ["t"]),
        helper.make_node("Relu", ["t"], ["y"]),
    ]
    model = infer_shapes(model_of(nodes, [value("x")], [value("early"), value("y")]))
    assert peak_activation_bytes(model) == 3 * ROW_BYTES


def test_an_output_that_nobody_reads_is_freed_at_once() -> None:
    nodes = [
        helper.make_node("Split", ["x"], ["a", "b"], axis=1, num_outputs=2),
        helper.make_node("Concat", ["a", "a"], ["y"], axis=1),
    ]
    model = infer_shapes(model_of(nodes, [value("x")], [value("y")], opset=18))
    assert peak_activation_bytes(model) == 2 * ROW_BYTES


@pytest.mark.parametrize(("kind", "width"), [(TensorProto.DOUBLE, 8), (TensorProto.INT8, 1)])
def test_the_type_counts(kind: int, width: int) -> None:
    nodes = [helper.make_node("Cast", ["x"], ["y"], to=kind)]
    target = helper.make_tensor_value_info("y", kind, [1, 4])
    assert peak_activation_bytes(model_of(nodes, [value("x")], [target])) == ROW_BYTES + 4 * width


def test_an_open_dimension_counts_as_one() -> None:
    one = peak_activation_bytes(infer_shapes(image_classifier(batch=1)))
    assert peak_activation_bytes(infer_shapes(image_classifier(batch="N"))) == one


def test_tensors_that_the_runtime_keeps_in_another_form() -> None:
    assert peak_activation_bytes(fan(3)) == 4 * ROW_BYTES
    widths = {"t0": 1, "t1": 0}
    assert peak_activation_bytes(fan(3), widths=widths) == 2 * ROW_BYTES + 4


def test_the_bytes_of_each_tensor() -> None:
    model = chain(3)
    assert tensor_bytes(GraphView(model)) == dict.fromkeys(("x", "t0", "t1", "y"), ROW_BYTES)
    assert tensor_bytes(GraphView(model), {"t0": 1, "y": 0}) == {
        "x": ROW_BYTES,
        "t0": ROW_BYTES // 4,
        "t1": ROW_BYTES,
        "y": 0,
    }
