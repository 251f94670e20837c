"""Ranges, constants, triangles and one-hot rows."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from onnx import helper

from edgeinfer.errors import ModelError
from edgeinfer_converters.tflite.convert import to_tflite
from tests.fixtures.lite import check_agrees, model_of, node_model, normal, run_lite


def declared(model: onnx.ModelProto, *shape: int) -> onnx.ModelProto:
    """The model with a shape of its output that onnx cannot infer."""
    model.graph.output[0].type.tensor_type.shape.CopyFrom(
        helper.make_tensor_type_proto(1, shape).tensor_type.shape
    )
    return model


@pytest.mark.parametrize("dtype", ["float32", "int32", "int64"])
@pytest.mark.parametrize("bounds", [(1, 7, 2), (10, -3, -4), (0, 5, 1)])
def test_range(dtype: str, bounds: tuple[int, int, int]) -> None:
    inputs = {name: np.array(value, dtype) for name, value in zip("abc", bounds, strict=True)}
    count = len(range(*bounds))
    check_agrees(declared(node_model("Range", inputs), count), inputs)


def test_a_range_of_unknown_length_has_no_equal() -> None:
    inputs = {name: np.array(1.0, np.float32) for name in "abc"}
    with pytest.raises(ModelError, match="known only when the model runs"):
        to_tflite(node_model("Range", inputs))


@pytest.mark.parametrize(
    "value", [None, np.array([3], np.int32), np.array([True]), np.array([0.5], np.float32)]
)
def test_constant_of_shape(value: np.ndarray | None) -> None:
    attributes = {} if value is None else {"value": onnx.numpy_helper.from_array(value)}
    inputs = {"s": np.array([2, 3])}
    check_agrees(declared(node_model("ConstantOfShape", inputs, **attributes), 2, 3), inputs)


@pytest.mark.parametrize("shift", [-5, -1, 0, 2, 5])
def test_eye_like(shift: int) -> None:
    values = normal(3, 4)
    check_agrees(node_model("EyeLike", {"x": values}, k=shift), {"x": values})
    check_agrees(node_model("EyeLike", {"x": values}, k=shift, dtype=7), {"x": values})


@pytest.mark.parametrize("upper", [0, 1])
@pytest.mark.parametrize("shape", [(4, 5), (2, 4, 3), (2, 1, 2, 3, 3)])
@pytest.mark.parametrize("shift", [None, -7, -1, 0, 2, 7, 2**40])
def test_trilu(upper: int, shape: tuple[int, ...], shift: int | None) -> None:
    values = normal(*shape)
    values.reshape(-1)[:3] = np.nan, np.inf, -np.inf
    constants = {} if shift is None else {"k": np.array(shift)}
    check_agrees(node_model("Trilu", {"x": values}, constants=constants, upper=upper), {"x": values})
    inputs = {"x": values, "k": np.array(min(shift or 0, 99))}
    check_agrees(node_model("Trilu", inputs, upper=upper), inputs)


@pytest.mark.parametrize("dtype", ["bool", "int8", "int64", "float16", "uint16"])
def test_types_of_triangles(dtype: str) -> None:
    values = np.ones((3, 3), dtype)
    check_agrees(node_model("Trilu", {"x": values}), {"x": values})


def test_a_triangle_of_images_stays_channels_last() -> None:
    image = normal(1, 3, 4, 5)
    nodes = [helper.make_node("Conv", ["x", "w"], ["c"]), helper.make_node("Trilu", ["c"], ["y"])]
    model = model_of(nodes, {"x": image}, ["y"], constants={"w": normal(2, 3, 1, 1, seed=1)})
    assert "TRANSPOSE" not in check_agrees(model, {"x": image}).operators


@settings(max_examples=30, deadline=None)
@given(data=st.data())
def test_one_hot(data: st.DataObject) -> None:
    shape = data.draw(st.lists(st.integers(1, 3), min_size=1, max_size=3))
    depth, axis = data.draw(st.integers(1, 5)), data.draw(st.integers(-1, len(shape)))
    rng = np.random.default_rng(data.draw(st.integers(0, 99)))
    indices = rng.integers(-depth, depth, shape).astype(
        data.draw(st.sampled_from(["int32", "int64", "float32"]))
    )
    values = rng.integers(-5, 5, 2).astype(data.draw(st.sampled_from(["float32", "int32", "int64", "int8"])))
    fixed = data.draw(st.booleans())
    constants: dict[str, Any] = {"d": np.array(depth), **({"v": values} if fixed else {})}
    inputs = {"x": indices, **({} if fixed else {"v": values})}
    model = node_model("OneHot", inputs, constants=constants, order=["x", "d", "v"], axis=axis)
    check_agrees(model, inputs)


def test_indices_out_of_range_give_the_first_value() -> None:
    indices = np.array([3, 7, -4, -3, -1])
    constants = {"d": np.array([3]), "v": np.array([5.0, 9.0], np.float32)}
    made = declared(node_model("OneHot", {"x": indices}, constants=constants), 5, 3)
    found = run_lite(to_tflite(made), {"x": indices})["y"]
    np.testing.assert_array_equal(found[:3], np.full((3, 3), 5.0))
    np.testing.assert_array_equal(found[3:], [[9.0, 5.0, 5.0], [5.0, 5.0, 9.0]])


@pytest.mark.parametrize("kind", ["HannWindow", "HammingWindow", "BlackmanWindow"])
@pytest.mark.parametrize("periodic", [0, 1])
@pytest.mark.parametrize("count", [2, 7, 10])
def test_windows(kind: str, periodic: int, count: int) -> None:
    inputs = {"n": np.array(count)}
    check_agrees(declared(node_model(kind, inputs, periodic=periodic), count), inputs)
