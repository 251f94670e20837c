"""Slopes of PRelus from before opset 7."""

from __future__ import annotations

import numpy as np
import onnx
from onnx import helper, numpy_helper

from edgeinfer_converters.tflite.convert import to_tflite
from edgeinfer_converters.tflite.slopes import with_whole_slopes
from tests.fixtures.lite import normal, run_lite


def old_model(opset: int, slope: np.ndarray, *shape: int) -> onnx.ModelProto:
    info = helper.make_tensor_value_info("x", onnx.TensorProto.FLOAT, shape)
    result = helper.make_tensor_value_info("y", onnx.TensorProto.FLOAT, shape)
    node = helper.make_node("PRelu", ["x", "slope"], ["y"])
    graph = helper.make_graph([node], "graph", [info], [result], [numpy_helper.from_array(slope, "slope")])
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=4)


def test_a_slope_a_channel() -> None:
    image, slope = normal(2, 3, 4, 3), np.array([0.1, 0.5, 2.0], np.float32)
    found = run_lite(to_tflite(old_model(6, slope, 2, 3, 4, 3)), {"x": image})["y"]
    expected = np.where(image < 0, image * slope.reshape(3, 1, 1), image)
    np.testing.assert_allclose(found, expected, rtol=1e-6)


def test_a_single_slope() -> None:
    image, slope = normal(2, 3, 4), np.array([0.25], np.float32)
    found = run_lite(to_tflite(old_model(6, slope, 2, 3, 4)), {"x": image})["y"]
    np.testing.assert_allclose(found, np.where(image < 0, image / 4, image), rtol=1e-6)


def test_newer_models_stay_as_they_are() -> None:
    model = old_model(9, np.ones(3, np.float32), 2, 4, 3)
    before = model.SerializeToString()
    assert with_whole_slopes(model).SerializeToString() == before


def test_matrices_need_no_change() -> None:
    model = old_model(6, np.ones(3, np.float32), 2, 3)
    assert with_whole_slopes(model).graph.node[0].input[1] == "slope"
