"""Activations that become part of the operator before them."""

from __future__ import annotations

import numpy as np
import pytest
from onnx import helper

from edgeinfer_converters.quantize.operators import FUSED_CLAMPS
from edgeinfer_converters.tflite.fusing import FUSED
from tests.fixtures.lite import check_agrees, model_of, normal

BOUNDS = [((0.0, 6.0), "RELU6"), ((-1.0, 1.0), "RELU_N1_TO_1"), ((0.0, 1.0), None), ((0.0, 4.0), None)]


@pytest.mark.parametrize(("bounds", "fused"), BOUNDS)
def test_clips(bounds: tuple[float, float], fused: str | None) -> None:
    nodes = [
        helper.make_node("Conv", ["x", "w"], ["c"]),
        helper.make_node("Clip", ["c", "low", "high"], ["y"]),
    ]
    constants = {
        "w": 4 * normal(4, 3, 2, 2, seed=1),
        "low": np.array(bounds[0], np.float32),
        "high": np.array(bounds[1], np.float32),
    }
    image = normal(1, 3, 5, 5)
    made = check_agrees(model_of(nodes, {"x": image}, ["y"], constants=constants), {"x": image})
    assert (made.operators == {"CONV_2D": 1}) == (fused is not None)


def test_what_others_read_is_not_changed() -> None:
    nodes = [
        helper.make_node("Add", ["x", "x"], ["s"]),
        helper.make_node("Relu", ["s"], ["r"]),
        helper.make_node("Mul", ["s", "r"], ["y"]),
    ]
    array = normal(2, 3)
    made = check_agrees(model_of(nodes, {"x": array}, ["y"]), {"x": array})
    assert made.operators["RELU"] == 1


def test_an_output_is_not_changed() -> None:
    nodes = [helper.make_node("Add", ["x", "x"], ["s"]), helper.make_node("Relu", ["s"], ["r"])]
    array = normal(2, 3)
    check_agrees(model_of(nodes, {"x": array}, ["s", "r"]), {"x": array})


def test_the_quantizer_knows_what_kernels_clamp() -> None:
    assert FUSED.keys() == FUSED_CLAMPS
