"""The places of the greatest values, in the cases that are easily got wrong."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from onnx import helper

from edgeinfer.errors import ModelError
from edgeinfer_converters.tflite.convert import to_tflite
from tests.fixtures.lite import model_of, node_model, normal, run_lite


def pooled(image: np.ndarray, **attributes: Any) -> dict[str, np.ndarray]:
    model = node_model("MaxPool", {"x": image}, outputs=("y", "i"), **attributes)
    return run_lite(to_tflite(model), {"x": image})


def test_of_equal_values_the_first_counts() -> None:
    found = pooled(np.zeros((1, 2, 2, 2), np.float32), kernel_shape=[2, 2])
    np.testing.assert_array_equal(found["i"].reshape(-1), [0, 4])


@pytest.mark.parametrize("lowest", [-np.inf, np.finfo(np.float32).min])
def test_borders_never_win(lowest: float) -> None:
    image = np.full((1, 1, 2, 2), lowest, np.float32)
    image[0, 0, 1, 1] = -5
    found = pooled(image, kernel_shape=[2, 2], pads=[0, 0, 1, 1])
    np.testing.assert_array_equal(found["y"].reshape(-1), [-5, -5, -5, -5])
    np.testing.assert_array_equal(found["i"].reshape(-1), [3, 3, 3, 3])


def test_each_image_and_channel_has_its_own_numbers() -> None:
    image = np.arange(24, dtype=np.float32).reshape(2, 3, 2, 2)
    found = pooled(image, kernel_shape=[2, 2])
    np.testing.assert_array_equal(found["i"].reshape(-1), [3, 7, 11, 15, 19, 23])
    np.testing.assert_array_equal(found["i"], found["y"])


def test_integers_keep_their_type() -> None:
    found = pooled(np.arange(16, dtype=np.uint8).reshape(1, 1, 4, 4), kernel_shape=[2, 2], strides=[2, 2])
    assert found["y"].dtype == np.uint8
    np.testing.assert_array_equal(found["i"].reshape(-1), [5, 7, 13, 15])


def test_pooling_and_back() -> None:
    image = normal(2, 3, 6, 9)
    nodes = [
        helper.make_node("MaxPool", ["x"], ["p", "i"], name="p", kernel_shape=[2, 3], strides=[2, 3]),
        helper.make_node("MaxUnpool", ["p", "i"], ["y"], name="u", kernel_shape=[2, 3], strides=[2, 3]),
    ]
    model = model_of(nodes, {"x": image}, ["y"])
    found = run_lite(to_tflite(model), {"x": image})["y"]
    tops = image.reshape(2, 3, 3, 2, 3, 3).max((3, 5), keepdims=True)
    expected = np.where(image.reshape(2, 3, 3, 2, 3, 3) == tops, tops, 0).reshape(image.shape)
    np.testing.assert_array_equal(found, image * (expected != 0))


def test_windows_that_overlap_are_refused() -> None:
    small = normal(1, 1, 2, 2)
    overlapping = node_model(
        "MaxUnpool", {"x": small, "i": np.zeros((1, 1, 2, 2), np.int64)}, kernel_shape=[3, 3], strides=[2, 2]
    )
    with pytest.raises(ModelError, match="windows overlap"):
        to_tflite(overlapping)
