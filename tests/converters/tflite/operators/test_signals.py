"""Windows of signals."""

from __future__ import annotations

import numpy as np
import onnx
import pytest
from onnx import helper

from edgeinfer.errors import ModelError
from edgeinfer_converters.tflite.convert import to_tflite
from tests.fixtures.lite import check_agrees, model_of, node_model, normal

WINDOWS = ["BlackmanWindow", "HammingWindow", "HannWindow"]


def window_model(kind: str, size: int | None, periodic: int) -> onnx.ModelProto:
    model = node_model(kind, {"size": np.array(1, np.int32)}, periodic=periodic)
    if size is not None:
        kind_of = model.graph.output[0].type.tensor_type
        kind_of.shape.ClearField("dim")
        kind_of.shape.dim.add().dim_value = size
    return model


@pytest.mark.parametrize("kind", WINDOWS)
@pytest.mark.parametrize("periodic", [0, 1])
@pytest.mark.parametrize("size", [2, 9, 10, 64])
def test_windows(kind: str, periodic: int, size: int) -> None:
    inputs = {"size": np.array(size, np.int32)}
    check_agrees(window_model(kind, size, periodic), inputs)


@pytest.mark.parametrize("kind", WINDOWS)
def test_constant_sizes_are_folded(kind: str) -> None:
    nodes = [helper.make_node(kind, ["size"], ["w"]), helper.make_node("Mul", ["x", "w"], ["y"])]
    inputs = {"x": normal(16)}
    constants = {"size": np.array(16, np.int32)}
    made = check_agrees(model_of(nodes, inputs, ["y"], constants=constants), inputs)
    assert made.operators == {"MUL": 1}


def test_open_sizes_are_refused() -> None:
    with pytest.raises(ModelError, match="known only when the model runs"):
        to_tflite(window_model("HannWindow", None, 1))
