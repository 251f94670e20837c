"""Parts of tensors, with bounds that are constant and bounds that the model computes."""

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

LIMIT = np.iinfo(np.int64)


def run(values: np.ndarray, bounds: dict[str, list[int]], *computed: str) -> Any:
    """A Slice some of whose bounds are inputs of the model."""
    arrays = {name: np.array(found, np.int64) for name, found in bounds.items()}
    inputs = {"x": values, **{name: arrays.pop(name) for name in computed}}
    order = ["x", *("" if name not in bounds else name for name in ("s", "e", "a", "t"))]
    model = node_model("Slice", inputs, constants=arrays, order=order)
    axes = [axis % values.ndim for axis in bounds.get("a", range(len(bounds["s"])))]
    steps = bounds.get("t", [1] * len(axes))
    cut: list[slice] = [slice(None)] * values.ndim
    for axis, start, end, step in zip(axes, bounds["s"], bounds["e"], steps, strict=True):
        cut[axis] = slice(*slice(start, end, step).indices(values.shape[axis]))
        if step < 0 and cut[axis].stop < 0:
            cut[axis] = slice(cut[axis].start, None, step)
    shape = values[tuple(cut)].shape
    kind = helper.np_dtype_to_tensor_dtype(values.dtype)
    model.graph.output[0].CopyFrom(helper.make_tensor_value_info("y", kind, shape))
    return check_agrees(model, inputs)


@pytest.mark.parametrize("computed", ["", "s", "e", "a", "t", "se", "seat"])
@pytest.mark.parametrize(
    "bounds",
    [
        {"s": [1, 0], "e": [3, 4], "a": [0, 2], "t": [1, 2]},
        {"s": [-1, -2], "e": [-4, LIMIT.min], "a": [-1, 1], "t": [-2, -1]},
        {"s": [LIMIT.min, 100], "e": [LIMIT.max, LIMIT.min], "a": [2, 0], "t": [3, -1]},
        {"s": [0], "e": [LIMIT.max], "a": [1], "t": [1]},
        {"s": [0], "e": [1], "a": [1], "t": [LIMIT.max]},
    ],
)
def test_slice(computed: str, bounds: dict[str, list[int]]) -> None:
    run(normal(4, 3, 6), bounds, *computed)


@pytest.mark.parametrize("computed", ["", "s", "se"])
def test_without_axes_and_steps(computed: str) -> None:
    run(normal(4, 3, 6), {"s": [1, -2], "e": [3, 3]}, *computed)


@settings(max_examples=40, deadline=None)
@given(data=st.data())
def test_any_slice(data: st.DataObject) -> None:
    rank = data.draw(st.integers(1, 5))
    shape = tuple(data.draw(st.integers(1, 5)) for _ in range(rank))
    axes = data.draw(st.lists(st.integers(0, rank - 1), unique=True, min_size=1))
    number = lambda low, high: data.draw(st.integers(low, high))  # noqa: E731
    bounds: dict[str, list[int]] = {"s": [], "e": [], "a": axes, "t": []}
    for axis in axes:
        step, start = number(1, 3) * number(-1, 1) or 1, number(0, shape[axis] - 1)
        count = number(1, 3)
        end = start + step * count
        bounds["s"].append(start if number(0, 1) else start - shape[axis])
        bounds["e"].append(end if end >= 0 else LIMIT.min)
        bounds["t"].append(step)
    run(normal(*shape), bounds, *data.draw(st.sampled_from(["", "s", "sea", "seat", "st"])))


@pytest.mark.parametrize("dtype", ["bool", "int8", "uint16", "int64", "float16", "float64", "uint64"])
def test_types(dtype: str) -> None:
    values = np.arange(12).reshape(3, 4).astype(dtype)
    run(values, {"s": [1], "e": [3], "a": [1], "t": [1]})
    run(values, {"s": [3], "e": [0], "a": [1], "t": [-2]})


def test_an_empty_part() -> None:
    values = normal(3, 4)
    run(values, {"s": [9], "e": [10], "a": [1], "t": [1]})
    run(values, {"s": [2], "e": [1], "a": [1], "t": [2]})


def test_how_much_must_be_known() -> None:
    inputs = {"x": normal(3, 4), "s": np.array([1]), "e": np.array([2])}
    with pytest.raises(ModelError, match="known only when the model runs"):
        to_tflite(node_model("Slice", inputs))


@pytest.mark.parametrize("axis", [0, 1, -1])
def test_split(axis: int) -> None:
    values = normal(6, 6, 6)
    parts = np.array([1, 0, 3, 2])
    names = ("a", "b", "c", "d")
    model = node_model("Split", {"x": values}, constants={"p": parts}, outputs=names, axis=axis)
    check_agrees(model, {"x": values})
    uneven = node_model("Split", {"x": values}, outputs=names, opset=18, axis=axis, num_outputs=4)
    check_agrees(uneven, {"x": values})


@pytest.mark.parametrize("axis", [1, 2, 3])
def test_images_stay_channels_last(axis: int) -> None:
    image = normal(1, 3, 4, 4)
    nodes = [
        helper.make_node("Conv", ["x", "w"], ["c"]),
        helper.make_node("Split", ["c"], ["a", "b"], axis=axis),
        helper.make_node("Slice", ["a", "s", "e", "s"], ["d"]),
        helper.make_node("Add", ["d", "d"], ["y"]),
    ]
    constants = {"w": normal(4, 3, 1, 1, seed=1), "s": np.array([1, 3]), "e": np.array([9, 9])}
    model = model_of(nodes[:2], {"x": image}, ["a", "b"], constants={"w": constants["w"]})
    assert "TRANSPOSE" not in check_agrees(model, {"x": image}).operators
    if axis == 2:
        both = model_of(nodes, {"x": image}, ["y"], constants=constants)
        assert "TRANSPOSE" not in check_agrees(both, {"x": image}).operators
