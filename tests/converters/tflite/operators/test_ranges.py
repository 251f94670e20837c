"""Range, where its size is known."""

from __future__ import annotations

import numpy as np
import onnx
import pytest
from onnx import helper

from edgeinfer.errors import ModelError
from edgeinfer_converters.tflite import to_tflite
from tests.fixtures.lite import Arrays, check_agrees, model_of, node_model


def range_model(inputs: Arrays, size: int | None) -> onnx.ModelProto:
    model = node_model("Range", inputs)
    kind = model.graph.output[0].type.tensor_type
    kind.shape.ClearField("dim")
    dimension = kind.shape.dim.add()
    if size is not None:
        dimension.dim_value = size
    return model


@pytest.mark.parametrize(
    ("dtype", "bounds", "size"),
    [
        ("float32", (1, 5, 2), 2),
        ("int32", (10, 6, -3), 2),
        ("int64", (-3, 4, 1), 7),
        ("float32", (0, 1, 0.25), 4),
    ],
)
def test_bounds_that_the_model_is_given(dtype: str, bounds: tuple[float, ...], size: int) -> None:
    names = ("start", "limit", "delta")
    inputs = {name: np.array(bound, dtype) for name, bound in zip(names, bounds, strict=True)}
    check_agrees(range_model(inputs, size), inputs)


def test_constant_bounds_are_folded() -> None:
    constants = {"start": np.array(2), "limit": np.array(11), "delta": np.array(3)}
    nodes = [
        helper.make_node("Range", ["start", "limit", "delta"], ["r"]),
        helper.make_node("Add", ["x", "r"], ["y"]),
    ]
    inputs = {"x": np.array([1, 2, 3])}
    made = check_agrees(model_of(nodes, inputs, ["y"], constants=constants), inputs)
    assert made.operators == {"ADD": 1}


def test_open_sizes_are_refused() -> None:
    inputs = {name: np.array(1, np.int64) for name in ("start", "limit", "delta")}
    with pytest.raises(ModelError, match="known only when the model runs"):
        to_tflite(range_model(inputs, None))
