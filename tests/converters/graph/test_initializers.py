"""Constants as initializers."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from onnx import TensorProto, helper, numpy_helper

from edgeinfer_converters.graph.initializers import lift_constants, unlist_initializers
from tests.fixtures.models import image_classifier, model_of


def test_initializers_are_no_inputs() -> None:
    model = image_classifier()
    model.ir_version = 3
    model.graph.input.append(helper.make_tensor_value_info("w1", 1, [8, 3, 3, 3]))
    unlist_initializers(model)
    assert [value.name for value in model.graph.input] == ["image"]
    assert model.ir_version == 4


@pytest.mark.parametrize(
    ("attribute", "given", "expected"),
    [
        ("value_float", 2.5, np.float32(2.5)),
        ("value_floats", [1.0, 2.0], np.array([1, 2], np.float32)),
        ("value_int", 7, np.int64(7)),
        ("value_ints", [3, -1], np.array([3, -1], np.int64)),
        (
            "value",
            numpy_helper.from_array(np.array([[1, 2]], np.uint8), "inner"),
            np.array([[1, 2]], np.uint8),
        ),
    ],
)
def test_constant_nodes_become_initializers(attribute: str, given: Any, expected: np.ndarray) -> None:
    node = helper.make_node("Constant", [], ["c"], **dict[str, Any]({attribute: given}))
    dtype = helper.np_dtype_to_tensor_dtype(expected.dtype)
    model = model_of(
        [node, helper.make_node("Identity", ["c"], ["y"])],
        [],
        [helper.make_tensor_value_info("y", dtype, expected.shape)],
    )
    lift_constants(model)
    assert [one.op_type for one in model.graph.node] == ["Identity"]
    (tensor,) = model.graph.initializer
    assert tensor.name == "c"
    lifted = numpy_helper.to_array(tensor)
    assert lifted.dtype == expected.dtype
    np.testing.assert_array_equal(lifted, expected)


def test_texts_stay_nodes() -> None:
    model = model_of(
        [helper.make_node("Constant", [], ["y"], value_string="a")],
        [],
        [helper.make_tensor_value_info("y", TensorProto.STRING, [])],
    )
    assert len(lift_constants(model).graph.node) == 1


def test_a_graph_without_constant_nodes_is_left_alone() -> None:
    model = image_classifier()
    before = model.SerializeToString(deterministic=True)
    assert lift_constants(model).SerializeToString(deterministic=True) == before
