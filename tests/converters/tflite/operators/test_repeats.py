"""Tensors repeated along axes."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from onnx import helper

from edgeinfer.errors import ModelError
from edgeinfer_converters.tflite.convert import to_tflite
from tests.fixtures.lite import check_agrees, model_of, node_model, normal


@settings(max_examples=30, deadline=None)
@given(data=st.data())
def test_expand(data: st.DataObject) -> None:
    result = data.draw(st.lists(st.integers(1, 3), min_size=1, max_size=6))
    kept = [data.draw(st.sampled_from([1, side])) for side in result]
    values = normal(*kept[data.draw(st.integers(0, len(kept))) :])
    shape = np.array(
        [
            data.draw(st.sampled_from([side, 1])) if side == own else side
            for side, own in zip(result, kept, strict=True)
        ]
    )
    model = node_model("Expand", {"x": values}, constants={"s": shape})
    check_agrees(model, {"x": values})


@settings(max_examples=30, deadline=None)
@given(data=st.data())
def test_tile(data: st.DataObject) -> None:
    values = normal(*data.draw(st.lists(st.integers(1, 3), min_size=1, max_size=5)))
    times = np.array([data.draw(st.integers(1, 3)) for _ in values.shape])
    check_agrees(node_model("Tile", {"x": values}, constants={"r": times}), {"x": values})


@pytest.mark.parametrize("dtype", ["bool", "int8", "uint16", "int64", "float16", "float64", "uint64"])
def test_types(dtype: str) -> None:
    values = np.arange(6).reshape(2, 1, 3).astype(dtype)
    check_agrees(node_model("Tile", {"x": values}, constants={"r": np.array([1, 2, 2])}), {"x": values})
    check_agrees(node_model("Expand", {"x": values}, constants={"s": np.array([2, 4, 3])}), {"x": values})


@pytest.mark.parametrize(("kind", "amounts"), [("Tile", [1, 2, 1, 3]), ("Expand", [2, 2, 4, 5])])
def test_images_stay_channels_last(kind: str, amounts: list[int]) -> None:
    image = normal(1, 3, 4, 5)
    nodes = [helper.make_node("Conv", ["x", "w"], ["c"]), helper.make_node(kind, ["c", "n"], ["y"])]
    channels = 2 if kind == "Tile" else 1
    constants = {"w": normal(channels, 3, 1, 1, seed=1), "n": np.array(amounts)}
    made = check_agrees(model_of(nodes, {"x": image}, ["y"], constants=constants), {"x": image})
    assert "TRANSPOSE" not in made.operators


def test_amounts_that_the_model_computes_need_a_known_result() -> None:
    values = normal(2, 3)
    inputs = {"x": values, "r": np.array([2, 1])}
    model = node_model("Tile", inputs)
    with pytest.raises(ModelError, match="known only when the model runs"):
        to_tflite(model)
    for dim, side in zip(model.graph.output[0].type.tensor_type.shape.dim, (4, 3), strict=True):
        dim.dim_value = side
    check_agrees(model, inputs)
