"""The greatest and smallest elements along an axis, and where they are."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from onnx import helper

from edgeinfer.errors import ModelError
from edgeinfer_converters.tflite.convert import to_tflite
from tests.fixtures.lite import check_agrees, model_of, node_model, normal, run_lite


def with_ties(*shape: int, dtype: str = "float32", seed: int = 0) -> np.ndarray:
    """Few different numbers, negative ones too."""
    return np.random.default_rng(seed).integers(-2, 3, shape).astype(dtype)


@pytest.mark.parametrize("kind", ["ArgMax", "ArgMin"])
@pytest.mark.parametrize("axis", [0, 1, -1])
@pytest.mark.parametrize("keepdims", [0, 1])
@pytest.mark.parametrize("last", [0, 1])
@pytest.mark.parametrize("dtype", ["float32", "int32", "int64", "int8", "float16"])
def test_arg(kind: str, axis: int, keepdims: int, last: int, dtype: str) -> None:
    values = with_ties(3, 4, 50, dtype=dtype)
    model = node_model(kind, {"x": values}, axis=axis, keepdims=keepdims, select_last_index=last)
    check_agrees(model, {"x": values})


@pytest.mark.parametrize("kind", ["ArgMax", "ArgMin"])
def test_the_limits_of_integers(kind: str) -> None:
    for dtype in (np.int32, np.int64, np.uint32):
        limits = np.iinfo(dtype)
        values = np.array([[0, limits.min, limits.max, 1], [1, 0, 2, limits.max]], dtype)
        check_agrees(node_model(kind, {"x": values}, axis=1), {"x": values})


@pytest.mark.parametrize(("kind", "attributes"), [("ArgMax", {"keepdims": 0}), ("Hardmax", {})])
@pytest.mark.parametrize("axis", [1, 2, -1])
def test_images_stay_channels_last(kind: str, attributes: dict[str, Any], axis: int) -> None:
    image = normal(1, 3, 4, 5)
    nodes = [
        helper.make_node("Conv", ["x", "w"], ["c"]),
        helper.make_node(kind, ["c"], ["y"], axis=axis, **attributes),
    ]
    model = model_of(nodes, {"x": image}, ["y"], constants={"w": normal(4, 3, 1, 1, seed=1)})
    made = check_agrees(model, {"x": image})
    assert "TRANSPOSE" not in made.operators or axis != 1


@pytest.mark.parametrize("axis", [0, 1, 2, -1])
def test_hardmax(axis: int) -> None:
    values = with_ties(3, 4, 5)
    check_agrees(node_model("Hardmax", {"x": values}, axis=axis), {"x": values})


@pytest.mark.parametrize("axis", [0, 1, -1])
@pytest.mark.parametrize("largest", [0, 1])
@pytest.mark.parametrize("dtype", ["float32", "int32", "int64", "uint8", "float16"])
def test_top_k(axis: int, largest: int, dtype: str) -> None:
    values = np.random.default_rng(1).permutation(60).reshape(3, 4, 5).astype(dtype)
    model = node_model(
        "TopK",
        {"x": values},
        constants={"k": np.array([2])},
        outputs=("values", "places"),
        axis=axis,
        largest=largest,
    )
    check_agrees(model, {"x": values})


@settings(max_examples=30, deadline=None)
@given(data=st.data())
def test_of_equal_ones_the_first_comes_first(data: st.DataObject) -> None:
    side = data.draw(st.integers(1, 40))
    count = data.draw(st.integers(1, side))
    values = with_ties(2, side, seed=data.draw(st.integers(0, 99)))
    largest = data.draw(st.booleans())
    model = node_model(
        "TopK",
        {"x": values},
        constants={"k": np.array([count])},
        outputs=("values", "places"),
        largest=int(largest),
    )
    found = run_lite(to_tflite(model), {"x": values})["places"]
    expected = np.argsort(-values if largest else values, axis=-1, kind="stable")[:, :count]
    np.testing.assert_array_equal(found, expected)


def test_what_has_no_equal_is_told() -> None:
    model = node_model("TopK", {"x": normal(3, 4), "k": np.array([2])}, outputs=("v", "p"))
    for output in model.graph.output:
        for dim, side in zip(output.type.tensor_type.shape.dim, (3, 9), strict=True):
            dim.dim_value = side
    with pytest.raises(ModelError, match="wants 9 elements of 4"):
        to_tflite(model)
    wide = np.zeros((2, 3), np.uint64)
    with pytest.raises(ModelError, match="does not take uint64"):
        to_tflite(node_model("ArgMax", {"x": wide}))
