"""Fourier transforms."""

from __future__ import annotations

import numpy as np
import onnx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edgeinfer.errors import ModelError
from edgeinfer_converters.tflite.convert import to_tflite
from tests.fixtures.lite import check_agrees, declared, node_model, normal


@pytest.mark.parametrize("axis", [1, 2, -2])
@pytest.mark.parametrize("parts", [1, 2])
@pytest.mark.parametrize("inverse", [0, 1])
def test_along_an_axis(axis: int, parts: int, inverse: int) -> None:
    inputs = {"x": normal(2, 6, 8, parts)}
    check_agrees(node_model("DFT", inputs, axis=axis, inverse=inverse), inputs, atol=1e-4)
    constants = {"axis": np.array(axis)}
    order = ["x", "", "axis"]
    newer = node_model("DFT", inputs, constants=constants, order=order, inverse=inverse, opset=20)
    check_agrees(newer, inputs, atol=1e-4)


@pytest.mark.parametrize("length", [4, 8, 11])
@pytest.mark.parametrize("onesided", [0, 1])
def test_of_another_length(length: int, onesided: int) -> None:
    inputs = {"x": normal(2, 8, 1)}
    model = node_model("DFT", inputs, constants={"n": np.array(length)}, onesided=onesided)
    check_agrees(model, inputs, atol=1e-4)


@pytest.mark.parametrize("windowed", [False, True])
@pytest.mark.parametrize("onesided", [0, 1])
def test_short_times(*, windowed: bool, onesided: int) -> None:
    inputs = {"x": normal(2, 64, 1)}
    constants = {"step": np.array(6), "length": np.array(16)}
    order = ["x", "step", "", "length"]
    if windowed:
        constants["window"] = np.hanning(16).astype(np.float32)
        order[2] = "window"
    model = node_model("STFT", inputs, constants=constants, order=order, onesided=onesided)
    check_agrees(model, inputs, atol=1e-4)


def test_a_window_that_the_model_is_given() -> None:
    inputs = {"x": normal(1, 40, 1), "window": np.hamming(8).astype(np.float32)}
    model = node_model("STFT", inputs, constants={"step": np.array(4)}, order=["x", "step", "window"])
    check_agrees(model, inputs, atol=1e-4)


def test_a_distance_of_frames_that_the_shape_tells() -> None:
    inputs = {"x": normal(1, 128, 1), "step": np.array(8), "window": np.hanning(16).astype(np.float32)}
    check_agrees(declared(node_model("STFT", inputs), 1, 15, 9, 2), inputs, atol=1e-4)


def test_frames_of_another_size_than_the_window_are_refused() -> None:
    constants = {"step": np.array(4), "w": np.ones(8, np.float32), "n": np.array(8)}
    model = declared(node_model("STFT", {"x": normal(1, 40, 1)}, constants=constants), 1, 9, 5, 2)
    model.graph.initializer[2].CopyFrom(onnx.numpy_helper.from_array(np.array(6), "n"))
    with pytest.raises(ModelError, match="another size"):
        to_tflite(model)


def test_what_has_no_equal_is_told() -> None:
    with pytest.raises(ModelError, match="half a spectrum"):
        to_tflite(node_model("DFT", {"x": normal(1, 5, 2)}, inverse=1, onesided=1))
    with pytest.raises(ModelError, match="elements"):
        to_tflite(node_model("DFT", {"x": normal(1, 4096, 1)}))
    inputs = {"x": normal(1, 8, 1), "axis": np.array(1)}
    with pytest.raises(ModelError, match="axis"):
        to_tflite(node_model("DFT", inputs, order=["x", "", "axis"], opset=20))


@settings(max_examples=20, deadline=None)
@given(data=st.data())
def test_any_size(data: st.DataObject) -> None:
    size, parts = data.draw(st.integers(1, 20)), data.draw(st.integers(1, 2))
    inputs = {"x": normal(data.draw(st.integers(1, 3)), size, parts)}
    check_agrees(node_model("DFT", inputs, inverse=data.draw(st.integers(0, 1))), inputs, atol=1e-4)
