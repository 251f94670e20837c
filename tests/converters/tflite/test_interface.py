"""Inputs and outputs of the file."""

from __future__ import annotations

import numpy as np
import onnx
import pytest
from onnx import helper

from edgeinfer.backends import BackendOptions, open_backend
from edgeinfer.errors import ModelError
from edgeinfer.frames import Quantization
from edgeinfer.processing.quantization import dequantize
from edgeinfer_converters.tflite.convert import to_tflite
from edgeinfer_converters.tflite.forms import Forms
from tests.fixtures.lite import Arrays, check_agrees, model_of, node_model, normal, run_lite, run_onnx


def test_an_image_is_channels_last_if_the_first_spatial_operator_wants_it_so() -> None:
    nodes = [
        helper.make_node("Sub", ["x", "mean"], ["s"]),
        helper.make_node("Mul", ["s", "factor"], ["m"]),
        helper.make_node("Conv", ["m", "w"], ["y"]),
    ]
    image = normal(1, 3, 5, 6)
    constants = {
        "mean": normal(3, 1, 1, seed=1),
        "factor": normal(1, 3, 1, 1, seed=2),
        "w": normal(4, 3, 2, 2, seed=3),
    }
    made = check_agrees(model_of(nodes, {"x": image}, ["y"], constants=constants), {"x": image})
    assert made.inputs == {"x": (0, 2, 3, 1)}
    assert made.outputs == {"y": (0, 2, 3, 1)}
    assert "TRANSPOSE" not in made.operators


def test_other_tensors_keep_their_order() -> None:
    array = normal(2, 3, 4, 5)
    made = check_agrees(node_model("Relu", {"x": array}), {"x": array})
    assert made.inputs == made.outputs == {"x": (0, 1, 2, 3)} | {"y": (0, 1, 2, 3)} or made.inputs["x"] == (
        0,
        1,
        2,
        3,
    )
    signal = normal(1, 4, 9)
    made = check_agrees(node_model("Conv", {"x": signal}, constants={"w": normal(2, 4, 3)}), {"x": signal})
    assert made.outputs["y"] == (0, 1, 2)


def test_outputs_that_are_inputs_constants_or_twice_the_same() -> None:
    nodes = [
        helper.make_node("Identity", ["x"], ["copy"]),
        helper.make_node("Relu", ["x"], ["r"]),
        helper.make_node("Identity", ["r"], ["again"]),
        helper.make_node("Identity", ["c"], ["fixed"]),
    ]
    array = normal(2, 3)
    model = model_of(
        nodes, {"x": array}, ["copy", "r", "again", "fixed"], constants={"c": np.arange(3, dtype=np.float32)}
    )
    check_agrees(model, {"x": array})


@pytest.mark.parametrize("dtype", ["float32", "float16", "int32", "int64", "uint8", "int8", "bool"])
def test_types(dtype: str) -> None:
    array = np.array([[0, 1], [3, 4]]).astype(dtype)
    check_agrees(node_model("Transpose", {"x": array}), {"x": array})


@pytest.mark.parametrize("dtype", ["float16", "int8", "uint8"])
def test_results_that_are_stored_in_their_own_type_are_not_cast(dtype: str) -> None:
    array = np.array([[0, 1], [3, 4]]).astype(dtype)
    made = check_agrees(node_model("Transpose", {"x": array}), {"x": array})
    assert made.operators == {"TRANSPOSE": 1}
    flat = check_agrees(node_model("Flatten", {"x": array.reshape(1, 2, 2)}), {"x": array.reshape(1, 2, 2)})
    assert flat.operators == {"RESHAPE": 1}


def test_small_integers_are_cast_once_to_be_computed_and_once_to_be_stored() -> None:
    array = np.array([100, -100, 3], np.int8)
    made = check_agrees(node_model("Add", {"x": array, "z": array}), {"x": array, "z": array})
    assert made.operators == {"ADD": 1, "CAST": 3}


def rounded_relu(*shape: int) -> tuple[onnx.ModelProto, dict[str, np.ndarray]]:
    """x, rounded, through a pool, rounded again."""
    nodes = [
        helper.make_node("QuantizeLinear", ["x", "s", "z"], ["q"]),
        helper.make_node("DequantizeLinear", ["q", "s", "z"], ["d"]),
        helper.make_node("MaxPool", ["d"], ["p"], kernel_shape=[1, 1]),
        helper.make_node("QuantizeLinear", ["p", "s", "z"], ["r"]),
        helper.make_node("DequantizeLinear", ["r", "s", "z"], ["y"]),
    ]
    inputs = {"x": normal(*shape)}
    constants: Arrays = {"s": np.array(0.05, np.float32), "z": np.array(7, np.int8)}
    return model_of(nodes, inputs, ["y"], constants=constants, opset=21), inputs


@pytest.mark.parametrize(("dtype", "zero_point"), [("int8", 7), ("uint8", 135)])
def test_results_in_integers(dtype: str, zero_point: int) -> None:
    model, inputs = rounded_relu(1, 3, 4, 4)
    made = to_tflite(model, forms=Forms(integers={"y": dtype}))
    with open_backend(made.data, "tflite", BackendOptions()) as backend:
        (tensor,) = backend.outputs
        stored = backend.run({"x": inputs["x"].transpose(0, 2, 3, 1).copy()})["y"]
    assert (tensor.name, tensor.dtype, stored.dtype.name) == ("y", dtype, dtype)
    assert tensor.quantization == Quantization(scale=float(np.float32(0.05)), zero_point=zero_point)
    real = dequantize(stored, tensor).transpose(0, 3, 1, 2)
    np.testing.assert_allclose(real, run_onnx(model, inputs)["y"], atol=1e-6)
    assert made.operators.get("DEQUANTIZE", 0) == 0


def test_results_that_are_computed_in_floats_cannot_be_integers() -> None:
    with pytest.raises(ModelError, match="`y` cannot be of integers: it is computed in floats"):
        to_tflite(node_model("Relu", {"x": normal(2, 3)}), forms=Forms(integers={"y": "int8"}))


def test_open_sides_are_named() -> None:
    model = node_model("Relu", {"x": normal(1, 3, 4)})
    model.graph.input[0].type.tensor_type.shape.dim[2].dim_param = "width"
    with pytest.raises(ModelError, match=r"`x` leaves dimension 2 .width. open"):
        to_tflite(model)


@pytest.mark.parametrize("as_is", [True, False])
def test_an_output_that_is_compared_with_an_input_lies_as_it_does(as_is: bool) -> None:
    nodes = [helper.make_node("Conv", ["x", "w"], ["c"]), helper.make_node("Reshape", ["c", "s"], ["y"])]
    image = normal(1, 3, 4, 5)
    constants = {"w": normal(3, 3, 1, 1, seed=1), "s": np.array([1, 3, 4, 5])}
    model = model_of(nodes, {"x": image}, ["y"], constants=constants)
    forms = Forms(frozenset({"x"} if as_is else ()), alike={"y": "x"})
    made = to_tflite(model, forms=forms)
    assert made.outputs["y"] == made.inputs["x"] == ((0, 1, 2, 3) if as_is else (0, 2, 3, 1))
    found, wanted = run_lite(made, {"x": image})["y"], run_onnx(model, {"x": image})["y"]
    np.testing.assert_allclose(found, wanted, rtol=1e-4, atol=1e-5)
