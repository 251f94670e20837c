"""Normalizations, in whatever layout the tensor is stored."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from onnx import helper

from edgeinfer.errors import ModelError
from edgeinfer_converters.tflite.convert import TfliteModel, to_tflite
from tests.fixtures.lite import check_agrees, model_of, node_model, normal, run_lite

IMAGE = normal(2, 6, 5, 4) * 3 + 7
SCALE, BIAS = normal(6, seed=1), normal(6, seed=2)


def behind_conv(kind: str, constants: dict[str, np.ndarray], **attributes: Any) -> TfliteModel:
    """The operator on an image that a convolution has left channels last."""
    nodes = [
        helper.make_node("Conv", ["x", "w"], ["c"], name="conv"),
        helper.make_node(kind, ["c", *constants], ["y"], name="norm", **attributes),
    ]
    image = normal(2, 3, 5, 4)
    weights = normal(6, 3, 1, 1, seed=5)
    model = model_of(nodes, {"x": image}, ["y"], constants={"w": weights, **constants}, opset=21)
    return check_agrees(model, {"x": image})


def test_instances() -> None:
    model = node_model("InstanceNormalization", {"x": IMAGE}, constants={"s": SCALE, "b": BIAS}, epsilon=1e-2)
    check_agrees(model, {"x": IMAGE})
    signal = normal(2, 6, 9)
    check_agrees(
        node_model("InstanceNormalization", {"x": signal}, constants={"s": SCALE, "b": BIAS}), {"x": signal}
    )
    assert "TRANSPOSE" not in behind_conv("InstanceNormalization", {"s": SCALE, "b": BIAS}).operators


def test_a_large_mean_costs_no_decimals() -> None:
    image = normal(1, 2, 8, 8) * 0.01 + 300
    constants = {"s": np.ones(2, np.float32), "b": np.zeros(2, np.float32)}
    model = node_model("InstanceNormalization", {"x": image}, constants=constants, epsilon=1e-9)
    exact = image.astype(np.float64)
    exact = (exact - exact.mean((2, 3), keepdims=True)) / exact.std((2, 3), keepdims=True)
    np.testing.assert_allclose(run_lite(to_tflite(model), {"x": image})["y"], exact, atol=0.01)


@pytest.mark.parametrize("groups", [1, 2, 6])
def test_groups(groups: int) -> None:
    for opset, count in ((21, 6), (18, groups)):
        constants = {"s": normal(count, seed=1), "b": normal(count, seed=2)}
        model = node_model(
            "GroupNormalization", {"x": IMAGE}, constants=constants, num_groups=groups, opset=opset
        )
        found = run_lite(to_tflite(model), {"x": IMAGE})["y"]
        parts = IMAGE.reshape(2, groups, -1)
        parts = (parts - parts.mean(2, keepdims=True)) / np.sqrt(parts.var(2, keepdims=True) + 1e-5)
        by_channel = [np.repeat(one, 6 // count).reshape(1, 6, 1, 1) for one in constants.values()]
        expected = parts.reshape(IMAGE.shape) * by_channel[0] + by_channel[1]
        np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-4)
    made = behind_conv("GroupNormalization", {"s": SCALE, "b": BIAS}, num_groups=groups)
    assert "TRANSPOSE" not in made.operators


@settings(max_examples=25, deadline=None)
@given(shape=st.lists(st.integers(1, 5), min_size=1, max_size=5), data=st.data())
def test_layers_over_any_axes(shape: list[int], data: st.DataObject) -> None:
    axis = data.draw(st.integers(-len(shape), len(shape) - 1))
    sides = shape[axis % len(shape) :]
    values = normal(*shape, seed=3)
    inputs = {"x": values}
    constants = {"s": normal(*sides, seed=1), "b": normal(*sides, seed=2)}
    outputs = ("y", "m", "d") if data.draw(st.booleans()) else ("y",)
    model = node_model("LayerNormalization", inputs, constants=constants, outputs=outputs, axis=axis)
    check_agrees(model, inputs, rtol=1e-3, atol=1e-4)
    root = node_model(
        "RMSNormalization", inputs, constants={"s": normal(*sides, seed=1)}, axis=axis, opset=23
    )
    check_agrees(root, inputs)


def test_layers_behind_a_convolution_stay_channels_last() -> None:
    made = behind_conv("LayerNormalization", {"s": normal(6, 5, 4), "b": normal(6, 5, 4, seed=1)}, axis=1)
    assert "TRANSPOSE" not in made.operators


@pytest.mark.parametrize("axis", [0, 1, -1])
@pytest.mark.parametrize("power", [1, 2])
def test_lengths(axis: int, power: int) -> None:
    values = normal(3, 4, 5)
    values[:, :, 2], values[:, 1], values[0] = 0, 0, 0
    model = node_model("LpNormalization", {"x": values}, axis=axis, p=power)
    length = np.linalg.norm(values.astype(np.float64), power, axis, keepdims=True)
    expected = values / np.where(length == 0, 1, length)
    np.testing.assert_allclose(run_lite(to_tflite(model), {"x": values})["y"], expected, atol=1e-5)


@settings(max_examples=20, deadline=None)
@given(size=st.integers(1, 9), channels=st.integers(1, 8), rank=st.integers(3, 5))
def test_responses_of_neighbours(size: int, channels: int, rank: int) -> None:
    image = normal(2, channels, *(3,) * (rank - 2))
    model = node_model("LRN", {"x": image}, size=size, alpha=0.3, beta=0.6, bias=1.5)
    padding = [(0, 0)] * rank
    padding[1] = ((size - 1) // 2, size // 2)
    around = np.pad(image.astype(np.float64) ** 2, padding)
    sums = sum(around[:, place : place + channels] for place in range(size))
    found = run_lite(to_tflite(model), {"x": image})["y"]
    np.testing.assert_allclose(found, image / (1.5 + 0.3 / size * sums) ** 0.6, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("axes", [None, [0, 2, 3], [1], [-1, 0]])
def test_mean_and_variance(axes: list[int] | None) -> None:
    over = tuple(axes or (0, 2, 3))
    model = node_model("MeanVarianceNormalization", {"x": IMAGE}, axes=over)
    if axes is None:
        model.graph.node[0].ClearField("attribute")
    exact = IMAGE.astype(np.float64)
    expected = (exact - exact.mean(over, keepdims=True)) / exact.std(over, keepdims=True)
    np.testing.assert_allclose(run_lite(to_tflite(model), {"x": IMAGE})["y"], expected, rtol=1e-3, atol=1e-4)


def test_batches() -> None:
    statistics = {"s": SCALE, "b": BIAS, "m": normal(6, seed=3), "v": np.abs(normal(6, seed=4)) + 0.1}
    fixed = node_model("BatchNormalization", {"x": IMAGE}, constants=statistics)
    assert set(check_agrees(fixed, {"x": IMAGE}).operators) == {"ADD", "MUL"}
    given_late = {"x": IMAGE, **statistics}
    check_agrees(node_model("BatchNormalization", given_late), given_late)
    trained = node_model(
        "BatchNormalization", given_late, outputs=("y", "rm", "rv"), training_mode=1, momentum=0.7
    )
    check_agrees(trained, given_late, rtol=1e-3)
    for shape in ((4, 6), (2, 6, 3), (1, 6, 2, 3, 2)):
        inputs = {**given_late, "x": normal(*shape)}
        check_agrees(node_model("BatchNormalization", inputs), inputs)


def test_statistics_in_inference_are_refused() -> None:
    inputs = {"x": IMAGE, "s": SCALE, "b": BIAS, "m": SCALE, "v": BIAS}
    model = node_model("BatchNormalization", inputs, outputs=("y", "rm", "rv"), training_mode=1)
    model.graph.node[0].attribute[0].i = 0
    with pytest.raises(ModelError, match="not in training mode"):
        to_tflite(model)
