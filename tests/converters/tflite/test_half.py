"""Weights as float16."""

from __future__ import annotations

import numpy as np

from edgeinfer_converters.tflite.convert import to_tflite
from edgeinfer_converters.tflite.half import with_half_weights
from edgeinfer_converters.tflite.tensors import Graph
from tests.fixtures.lite import node_model, normal, run_lite, run_onnx


def test_weights_take_half_the_room_and_nearly_the_same_values() -> None:
    image, weights = normal(1, 8, 6, 6), normal(64, 8, 3, 3, seed=1)
    model = node_model("Conv", {"x": image}, constants={"w": weights, "b": normal(64, seed=2)})
    whole, half = to_tflite(model), to_tflite(model, half_weights=True)
    assert len(half.data) < 0.55 * len(whole.data)
    found, expected = run_lite(half, {"x": image})["y"], run_onnx(model, {"x": image})["y"]
    np.testing.assert_allclose(found, expected, atol=0.02)
    assert np.abs(found - expected).max() > 0.0


def test_what_is_small_or_too_large_for_float16_stays() -> None:
    graph = Graph()
    x = graph.tensor("x", (1, 100), "float32")
    graph.inputs.append(x)
    small = graph.constant(np.ones(3, np.float32), "small")
    huge = graph.constant(np.full(100, 1e6, np.float32), "huge")
    good = graph.constant(np.ones((1, 100), np.float32), "good")
    for number, constant in enumerate((small, huge, good, good)):
        y = graph.tensor(f"y{number}", (1, 100), "float32")
        graph.add("ADD", [x, constant], [y])
        graph.outputs.append(y)
    halved = with_half_weights(graph)
    codes = [operator.code for operator in halved.operators]
    assert codes == ["ADD", "ADD", "DEQUANTIZE", "ADD", "ADD"]
    assert halved.tensors[huge].dtype == "float32"
    assert halved.tensors[huge].data is not None
    assert halved.tensors[good].data is None
    assert graph.tensors[good].data is not None
