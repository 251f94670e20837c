"""Blocks between channels and sides."""

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
@given(
    size=st.integers(1, 3),
    channels=st.integers(1, 3),
    sides=st.tuples(st.integers(1, 4), st.integers(1, 4)),
    batch=st.integers(1, 2),
    mode=st.sampled_from(["DCR", "CRD"]),
)
def test_there_and_back(size: int, channels: int, sides: tuple[int, int], batch: int, mode: str) -> None:
    deep = normal(batch, channels * size * size, *sides)
    check_agrees(node_model("DepthToSpace", {"x": deep}, blocksize=size, mode=mode), {"x": deep})
    wide = normal(batch, channels, sides[0] * size, sides[1] * size)
    check_agrees(node_model("SpaceToDepth", {"x": wide}, blocksize=size), {"x": wide})
    moded = node_model("SpaceToDepth", {"x": wide}, opset=28, blocksize=size, mode=mode)
    check_agrees(moded, {"x": wide})


@pytest.mark.parametrize(("mode", "transposes"), [("DCR", 0), ("CRD", 1)])
def test_images_stay_channels_last(mode: str, transposes: int) -> None:
    image = normal(1, 3, 4, 5)
    nodes = [
        helper.make_node("Conv", ["x", "w"], ["c"]),
        helper.make_node("DepthToSpace", ["c"], ["y"], blocksize=2, mode=mode),
    ]
    model = model_of(nodes, {"x": image}, ["y"], constants={"w": normal(8, 3, 1, 1, seed=1)})
    assert check_agrees(model, {"x": image}).operators.get("TRANSPOSE", 0) == transposes


@pytest.mark.parametrize("dtype", ["bool", "int8", "int64", "float16"])
def test_types(dtype: str) -> None:
    values = np.arange(32).reshape(1, 8, 2, 2).astype(dtype)
    check_agrees(node_model("DepthToSpace", {"x": values}, blocksize=2, mode="CRD"), {"x": values})


@pytest.mark.parametrize("kind", ["DepthToSpace", "SpaceToDepth"])
def test_unknown_modes_are_refused(kind: str) -> None:
    model = node_model(kind, {"x": normal(1, 4, 4, 4)}, opset=28, blocksize=2, mode="RCD")
    with pytest.raises(ModelError, match="RCD"):
        to_tflite(model)


def test_an_image_without_elements_has_no_equal() -> None:
    nodes = [
        helper.make_node("Slice", ["x", "s", "s", "a"], ["e"]),
        helper.make_node("SpaceToDepth", ["e"], ["y"], blocksize=2),
    ]
    bounds = {"s": np.array([2]), "a": np.array([1])}
    with pytest.raises(ModelError, match="no elements"):
        to_tflite(model_of(nodes, {"x": normal(1, 2, 4, 4)}, ["y"], constants=bounds))
