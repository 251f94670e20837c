"""How much of the arithmetic is integer."""

from __future__ import annotations

import numpy as np
import pytest
from onnx import helper

from edgeinfer_converters.graph.macs import count_macs
from edgeinfer_converters.tflite.convert import to_tflite
from tests.converters.tflite.test_convert import network, quantized
from tests.fixtures.lite import model_of, node_model, normal


def test_float_and_integer_networks() -> None:
    floats, integers = to_tflite(network()).work, to_tflite(quantized()[0]).work
    assert floats.macs == integers.macs == sum(count_macs(network()).values())
    assert floats.integer_macs == 0
    assert len(floats.floats) == 4
    assert integers.integer_macs == integers.macs
    assert integers.floats == ()


@pytest.mark.parametrize(
    ("kind", "data", "weights", "attributes", "macs"),
    [
        ("Conv", (1, 4, 9), (6, 4, 3), {}, 7 * 6 * 12),
        ("Conv", (1, 4, 8, 8), (4, 1, 3, 3), {"group": 4}, 36 * 4 * 9),
        ("Conv", (1, 4, 8, 8), (6, 2, 1, 1), {"group": 2}, 64 * 6 * 2),
        ("Conv", (1, 2, 4, 4, 4), (3, 2, 2, 2, 2), {}, 27 * 3 * 16),
        ("ConvTranspose", (1, 4, 5, 5), (4, 3, 2, 2), {"strides": [2, 2]}, 25 * 4 * 3 * 4),
        ("MatMul", (2, 3, 4), (4, 5), {}, 6 * 20),
    ],
)
def test_products(kind: str, data: tuple, weights: tuple, attributes: dict, macs: int) -> None:
    model = node_model(kind, {"x": normal(*data)}, constants={"w": normal(*weights, seed=1)}, **attributes)
    assert to_tflite(model).work.macs == macs


def test_what_multiplies_nothing() -> None:
    nodes = [helper.make_node("Relu", ["x"], ["y"])]
    work = to_tflite(model_of(nodes, {"x": np.ones((2, 3), np.float32)}, ["y"])).work
    assert (work.macs, work.integer_macs, work.floats) == (0, 0, ())
