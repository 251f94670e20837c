"""Activations."""

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

VALUES = np.concatenate([np.linspace(-9, 9, 181), [-80.0, 80.0, -0.0]]).astype(np.float32)

CASES: list[tuple[str, int, dict[str, Any]]] = [
    ("Celu", 17, {}),
    ("Celu", 17, {"alpha": 2.5}),
    ("Elu", 17, {}),
    ("Elu", 17, {"alpha": 0.3}),
    ("Gelu", 20, {}),
    ("Gelu", 20, {"approximate": "tanh"}),
    ("HardSigmoid", 17, {"alpha": 0.3, "beta": 0.4}),
    ("HardSwish", 17, {}),
    ("LeakyRelu", 17, {"alpha": 0.2}),
    ("Mish", 18, {}),
    ("Relu", 17, {}),
    ("Selu", 17, {}),
    ("Selu", 17, {"alpha": 2.0, "gamma": 3.0}),
    ("Shrink", 17, {"lambd": 1.5, "bias": 1.0}),
    ("Sigmoid", 17, {}),
    ("Softplus", 17, {}),
    ("Softsign", 17, {}),
    ("Swish", 24, {}),
    ("Swish", 24, {"alpha": 0.5}),
    ("Tanh", 17, {}),
    ("ThresholdedRelu", 17, {}),
    ("ThresholdedRelu", 17, {"alpha": 2.0}),
]


@pytest.mark.parametrize(("kind", "opset", "attributes"), CASES)
def test_numbers(kind: str, opset: int, attributes: dict[str, Any]) -> None:
    inputs = {"x": VALUES.reshape(2, 4, 23)}
    check_agrees(node_model(kind, inputs, opset=opset, **attributes), inputs)


@pytest.mark.parametrize(("kind", "opset", "attributes"), CASES)
def test_images_keep_their_layout(kind: str, opset: int, attributes: dict[str, Any]) -> None:
    inputs = {"x": normal(1, 3, 5, 5)}
    nodes = [
        helper.make_node("Conv", ["x", "w"], ["c"]),
        helper.make_node(kind, ["c"], ["y"], **attributes),
    ]
    model = model_of(nodes, inputs, ["y"], constants={"w": normal(4, 3, 3, 3, seed=1)}, opset=opset)
    assert "TRANSPOSE" not in check_agrees(model, inputs).operators


@pytest.mark.parametrize("dtype", ["float32", "int8", "uint8", "int32", "int64"])
@pytest.mark.parametrize("bounds", [(None, None), (2, None), (None, 9), (2, 9), (9, 2), (0, 6)])
def test_clips(dtype: str, bounds: tuple[int | None, int | None]) -> None:
    inputs = {"x": np.array([[0, 1, 5], [7, 11, 120]], dtype)}
    pairs = zip(("low", "high"), bounds, strict=True)
    constants = {name: np.array(bound, dtype) for name, bound in pairs if bound is not None}
    order = ["x", *(name if name in constants else "" for name in ("low", "high"))]
    check_agrees(node_model("Clip", inputs, constants=constants, order=order), inputs)


def test_clips_between_bounds_that_the_model_is_given() -> None:
    inputs = {"x": normal(2, 3, 4), "low": np.array(-0.5, np.float32), "high": np.array(0.25, np.float32)}
    check_agrees(node_model("Clip", inputs), inputs)


@pytest.mark.parametrize("shape", [(3, 1, 1), (1,), (3, 4, 5), (5,)])
def test_slopes_broadcast(shape: tuple[int, ...]) -> None:
    inputs = {"x": normal(2, 3, 4, 5)}
    check_agrees(node_model("PRelu", inputs, constants={"slope": normal(*shape, seed=1)}), inputs)


def test_slopes_of_integers() -> None:
    inputs = {"x": np.array([[-3, 4], [5, -6]], np.int32), "slope": np.array([2, 3], np.int32)}
    check_agrees(node_model("PRelu", inputs), inputs)


@pytest.mark.parametrize("kind", ["LogSoftmax", "Softmax"])
@pytest.mark.parametrize("axis", [0, 1, 2, -1])
def test_over_one_axis(kind: str, axis: int) -> None:
    inputs = {"x": normal(2, 3, 4)}
    check_agrees(node_model(kind, inputs, axis=axis), inputs)


def test_relu_of_integers() -> None:
    inputs = {"x": np.array([-3, 0, 4], np.int32)}
    check_agrees(node_model("Relu", inputs), inputs)


def test_shrinking_integers_is_refused() -> None:
    with pytest.raises(ModelError, match="one of floats"):
        to_tflite(node_model("Shrink", {"x": np.ones(3, np.int32)}))


@settings(max_examples=40, deadline=None)
@given(st.lists(st.floats(-20, 20, width=32), min_size=1, max_size=9), st.sampled_from(CASES))
def test_any_number(numbers: list[float], case: tuple[str, int, dict[str, Any]]) -> None:
    kind, opset, attributes = case
    inputs = {"x": np.array(numbers, np.float32)}
    check_agrees(node_model(kind, inputs, opset=opset, **attributes), inputs)
