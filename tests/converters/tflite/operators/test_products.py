"""Matrix products."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from onnx import helper

from edgeinfer.errors import ModelError
from edgeinfer_converters.tflite.convert import to_tflite
from tests.fixtures.lite import check_agrees, model_of, node_model, normal


@settings(max_examples=30, deadline=None)
@given(data=st.data())
def test_gemm(data: st.DataObject) -> None:
    flags = [data.draw(st.booleans()) for _ in range(4)]
    rows, inner, columns = (data.draw(st.integers(1, 5)) for _ in range(3))
    a = normal(*((inner, rows) if flags[0] else (rows, inner)))
    b = normal(*((columns, inner) if flags[1] else (inner, columns)), seed=1)
    c = normal(
        *data.draw(st.sampled_from([(columns,), (1, columns), (rows, columns), (1,), (rows, 1)])), seed=2
    )
    tensors = {"a": a, "b": b, "c": c}
    constant = {"b": b, "c": c} if flags[2] else {}
    scale: dict[str, Any] = {"alpha": 0.5, "beta": 2.0} if flags[3] else {}
    inputs = {name: value for name, value in tensors.items() if name not in constant}
    model = node_model(
        "Gemm",
        inputs,
        constants=constant,
        order=["a", "b", "c"],
        transA=int(flags[0]),
        transB=int(flags[1]),
        **scale,
    )
    check_agrees(model, inputs)


SHAPES = [
    ((3, 4), (4, 5)),
    ((2, 3, 4), (4, 5)),
    ((2, 3, 4), (2, 4, 5)),
    ((1, 2, 3, 4), (2, 2, 4, 5)),
    ((2, 1, 2, 3, 4), (1, 3, 1, 4, 5)),
    ((4,), (4, 5)),
    ((2, 3, 4), (4,)),
    ((4,), (4,)),
]


@pytest.mark.parametrize(("left", "right"), SHAPES)
@pytest.mark.parametrize("constant", [False, True])
def test_mat_mul(left: tuple[int, ...], right: tuple[int, ...], constant: bool) -> None:
    a, b = normal(*left), normal(*right, seed=1)
    model = (
        node_model("MatMul", {"a": a}, constants={"b": b})
        if constant
        else node_model("MatMul", {"a": a, "b": b})
    )
    check_agrees(model, {"a": a} if constant else {"a": a, "b": b})


def test_a_flattened_image_is_read_where_it_lies() -> None:
    nodes = [
        helper.make_node("Conv", ["x", "k"], ["c"]),
        helper.make_node("Reshape", ["c", "flat"], ["f"]),
        helper.make_node("MatMul", ["f", "w"], ["y"]),
    ]
    constants = {
        "k": normal(4, 3, 2, 2, seed=1),
        "flat": np.array([1, -1]),
        "w": normal(64, 5, seed=2),
    }
    image = normal(1, 3, 5, 5)
    made = check_agrees(model_of(nodes, {"x": image}, ["y"], constants=constants), {"x": image})
    assert made.operators == {"CONV_2D": 1, "RESHAPE": 1, "FULLY_CONNECTED": 1}


def test_an_activation_is_part_of_the_product() -> None:
    nodes = [helper.make_node("Gemm", ["x", "w"], ["g"]), helper.make_node("Relu", ["g"], ["y"])]
    made = check_agrees(
        model_of(nodes, {"x": normal(2, 3)}, ["y"], constants={"w": normal(3, 4, seed=1)}),
        {"x": normal(2, 3)},
    )
    assert made.operators == {"FULLY_CONNECTED": 1}


def test_products_of_integers_are_refused() -> None:
    inputs = {"a": np.ones((2, 2), np.int32), "b": np.ones((2, 2), np.int32)}
    with pytest.raises(ModelError, match="matrix products of integers"):
        to_tflite(node_model("MatMul", inputs))


def test_a_single_number_as_bias() -> None:
    factors = {"b": normal(4, 1), "c": np.array(0.5, np.float32)}
    check_agrees(node_model("Gemm", {"a": normal(3, 4)}, constants=factors), {"a": normal(3, 4)})


def test_an_image_times_itself_behind_a_convolution() -> None:
    nodes = [
        helper.make_node("Conv", ["x", "w"], ["c"]),
        helper.make_node("MatMul", ["c", "c"], ["y"]),
    ]
    image = normal(1, 3, 6, 6)
    model = model_of(nodes, {"x": image}, ["y"], constants={"w": normal(4, 3, 1, 1)})
    made = check_agrees(model, {"x": image}, atol=1e-4)
    assert made.operators == {"CONV_2D": 1, "TRANSPOSE": 2, "BATCH_MATMUL": 1}
