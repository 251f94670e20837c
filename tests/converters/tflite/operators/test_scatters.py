"""Elements and rows put at constant indices and at indices that the model computes."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from onnx import helper

from edgeinfer.errors import ModelError
from edgeinfer_converters.tflite.convert import to_tflite
from tests.fixtures.lite import check_agrees, model_of, node_model, normal

REDUCTIONS = ["none", "add", "mul", "max", "min"]


def run(kind: str, inputs: dict[str, np.ndarray], *fixed: str, opset: int = 18, **attributes: Any) -> Any:
    """Hold against the reference, with some of the inputs constant."""
    constants = {name: inputs[name] for name in fixed}
    fed = {name: values for name, values in inputs.items() if name not in fixed}
    model = node_model(kind, fed, constants=constants, order=list(inputs), opset=opset, **attributes)
    return check_agrees(model, fed)


@pytest.mark.parametrize("reduction", REDUCTIONS)
@pytest.mark.parametrize("fixed", [(), ("i",)])
@pytest.mark.parametrize("dtype", ["float32", "int64", "int8", "float16"])
def test_elements(reduction: str, fixed: tuple[str, ...], dtype: str) -> None:
    rng = np.random.default_rng(3)
    inputs = {
        "x": rng.integers(-9, 9, (3, 5)).astype(dtype),
        "i": np.array([[0, -1, 2], [4, 1, 3]]),
        "u": rng.integers(-9, 9, (2, 3)).astype(dtype),
    }
    run("ScatterElements", inputs, *fixed, axis=1, reduction=reduction)


@pytest.mark.parametrize("reduction", ["add", "mul", "max", "min"])
@pytest.mark.parametrize("fixed", [(), ("i",)])
def test_a_row_named_twice_is_reduced(reduction: str, fixed: tuple[str, ...]) -> None:
    elements = {"x": normal(3, 4), "i": np.array([[1, 1, 1, 0], [1, -2, 2, 0]]), "u": normal(2, 4, seed=1)}
    run("ScatterElements", elements, *fixed, axis=0, reduction=reduction)
    rows = {"x": normal(4, 3, 2), "i": np.array([[1], [1], [-3]]), "u": normal(3, 3, 2, seed=1)}
    run("ScatterND", rows, *fixed, reduction=reduction)


@pytest.mark.parametrize("fixed", [(), ("i",), ("x",), ("i", "x"), ("i", "u")])
@pytest.mark.parametrize("indices", [[[1], [-2]], [[0, 2], [1, -1]], [[0, 0, 1], [1, 2, -2]]])
def test_rows(fixed: tuple[str, ...], indices: list[list[int]]) -> None:
    places = np.array(indices)
    shape = (2, 3, 4)
    inputs = {"x": normal(*shape), "i": places, "u": normal(2, *shape[places.shape[1] :], seed=1)}
    run("ScatterND", inputs, *fixed)


@pytest.mark.parametrize("fixed", [(), ("i",)])
def test_infinity_and_nan_are_put_and_overwritten(fixed: tuple[str, ...]) -> None:
    inputs = {
        "x": np.array([np.nan, np.inf, 1.0, np.nan], np.float32),
        "i": np.array([0, 2]),
        "u": np.array([-np.inf, np.nan], np.float32),
    }
    run("ScatterElements", inputs, *fixed)


@pytest.mark.parametrize("dtype", ["bool", "uint8", "int32", "float64"])
@pytest.mark.parametrize("fixed", [(), ("i",)])
def test_types(dtype: str, fixed: tuple[str, ...]) -> None:
    inputs = {
        "x": np.array([0, 1, 0, 1]).astype(dtype),
        "i": np.array([[3], [0]]),
        "u": np.array([0, 1]).astype(dtype),
    }
    run("ScatterND", inputs, *fixed)


def test_images_stay_channels_last() -> None:
    image = normal(1, 3, 4, 5)
    nodes = [
        helper.make_node("Conv", ["x", "w"], ["c"]),
        helper.make_node("ScatterElements", ["c", "i", "u"], ["y"], axis=2),
    ]
    constants = {
        "w": normal(2, 3, 1, 1, seed=1),
        "i": np.array([[[[3, 0, 1, 1, 2]], [[0, 0, -1, 1, 3]]]]),
        "u": normal(1, 2, 1, 5, seed=2),
    }
    check_agrees(model_of(nodes, {"x": image}, ["y"], constants=constants, opset=18), {"x": image})


@pytest.mark.parametrize("mode", ["linear", "circular"])
@pytest.mark.parametrize("axis", [1, -2, 3])
def test_a_cache(mode: str, axis: int) -> None:
    cache, updates = normal(2, 4, 5, 4), normal(2, 4, 5, 4, seed=1)
    updates = updates.take(range(2), axis)
    starts = np.array([2, 3 if mode == "circular" else 1])
    inputs = {"x": cache, "u": updates, "s": starts}
    run("TensorScatter", inputs, opset=24, mode=mode, axis=axis)
    run("TensorScatter", inputs, "s", opset=24, mode=mode, axis=axis)
    del inputs["s"]
    run("TensorScatter", inputs, opset=24, mode=mode, axis=axis)


@settings(max_examples=40, deadline=None)
@given(data=st.data())
def test_any_rows(data: st.DataObject) -> None:
    shape = tuple(data.draw(st.lists(st.integers(1, 4), min_size=1, max_size=4)))
    depth = data.draw(st.integers(1, len(shape)))
    rng = np.random.default_rng(data.draw(st.integers(0, 99)))
    size = int(np.prod(shape[:depth]))
    reduction = data.draw(st.sampled_from(REDUCTIONS))
    places = rng.permutation(size)[: data.draw(st.integers(1, size))]
    if reduction != "none":
        places = np.concatenate([places, places[:1]])
    indices = np.stack(np.unravel_index(places, shape[:depth]), -1)
    indices = np.where(rng.random(indices.shape) < 0.3, indices - np.array(shape[:depth]), indices)
    updates = rng.standard_normal((len(places), *shape[depth:])).astype(np.float32)
    inputs: dict[str, np.ndarray] = {
        "x": rng.standard_normal(shape).astype(np.float32),
        "i": indices,
        "u": updates,
    }
    run("ScatterND", inputs, *data.draw(st.sampled_from([(), ("i",)])), reduction=reduction)


def test_a_large_reduction_has_no_equal() -> None:
    inputs = {"x": normal(2000, 4), "i": np.zeros((400, 1), np.int64), "u": normal(400, 4)}
    with pytest.raises(ModelError, match="would compare 3200000 elements"):
        to_tflite(node_model("ScatterND", inputs, opset=18, reduction="max"))
    check_agrees(node_model("ScatterND", inputs, opset=18, reduction="add"), inputs, atol=1e-3)
