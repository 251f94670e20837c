"""Borders of all kinds."""

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

MODES = ["constant", "edge", "reflect", "wrap"]


def expected_of(values: np.ndarray, around: np.ndarray, mode: Any, number: float) -> np.ndarray:
    """By numpy: what negative borders cut off first, then the others."""
    kept = values[
        tuple(slice(max(-a, 0), side - max(-b, 0)) for side, (a, b) in zip(values.shape, around, strict=True))
    ]
    added = np.maximum(around, 0)
    return (
        np.pad(kept, added, constant_values=number) if mode == "constant" else np.pad(kept, added, mode=mode)
    )


def run(
    values: np.ndarray,
    borders: list[int],
    *computed: str,
    mode: str = "constant",
    number: float | None = None,
    axes: list[int] | None = None,
) -> Any:
    """A Pad some of whose inputs are the model's, against numpy."""
    arrays = {"p": np.array(borders)}
    if number is not None:
        arrays["v"] = np.array(number, values.dtype)
    if axes is not None:
        arrays["a"] = np.array(axes)
    order = [*(name if name in arrays else "" for name in ("p", "v", "a"))]
    inputs = {"x": values, **{name: arrays.pop(name) for name in computed}}
    model = node_model("Pad", inputs, constants=arrays, order=["x", *order], opset=19, mode=mode)
    around = np.zeros((values.ndim, 2), int)
    around[range(values.ndim) if axes is None else axes] = np.array(borders).reshape(2, -1).T
    expected = expected_of(values, around, mode, number or 0)
    kind = helper.np_dtype_to_tensor_dtype(values.dtype)
    model.graph.output[0].CopyFrom(helper.make_tensor_value_info("y", kind, expected.shape))
    made = to_tflite(model)
    np.testing.assert_array_equal(run_lite(made, inputs)["y"], expected)
    return made


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("computed", ["", "p", "a", "pa"])
@pytest.mark.parametrize("borders", [[1, 0, 2, 1], [0, 3, 0, 0], [0, 0, 0, 0], [2, 2, 2, 2]])
def test_modes(mode: str, computed: str, borders: list[int]) -> None:
    run(normal(3, 4, 5), borders, *computed, mode=mode, axes=[-1, 1])


@pytest.mark.parametrize("computed", ["", "p", "v", "pv"])
@pytest.mark.parametrize("number", [0.0, 1.5, -np.inf, np.nan])
def test_numbers(computed: str, number: float) -> None:
    run(normal(3, 4), [1, 0, 2, 1], *computed, number=number)


@pytest.mark.parametrize("computed", ["", "p"])
def test_negative_borders_cut_off(computed: str) -> None:
    run(normal(4, 5), [-1, 2, 0, -2], *computed, number=3.0)
    run(normal(4, 5), [-1, -2, -1, -2], *computed)


@pytest.mark.parametrize("mode", ["reflect", "wrap", "edge"])
def test_borders_longer_than_what_they_show(mode: str) -> None:
    run(normal(3, 2), [5, 4, 7, 9], mode=mode)
    run(normal(1, 2), [2, 0, 1, 0], mode=mode)


@pytest.mark.parametrize("dtype", ["bool", "int8", "uint16", "int64", "float16", "float64"])
@pytest.mark.parametrize("mode", MODES)
def test_types(dtype: str, mode: str) -> None:
    run(np.arange(12).reshape(3, 4).astype(dtype), [1, 0, 2, 1], mode=mode)


def test_many_axes() -> None:
    values = normal(1, 2, 2, 1, 2, 2, 3)
    run(values, [0, 0, 0, 0, 0, 1, 2, 0, 1, 0, 0, 0, 0, 1], number=1.0)
    with pytest.raises(ModelError, match="along so many axes"):
        to_tflite(node_model("Pad", {"x": values}, constants={"p": np.ones(14, np.int64)}))


@pytest.mark.parametrize("mode", MODES)
def test_images_stay_channels_last(mode: str) -> None:
    image = normal(1, 3, 4, 5)
    nodes = [
        helper.make_node("Conv", ["x", "w"], ["c"]),
        helper.make_node("Pad", ["c", "p"], ["y"], mode=mode),
    ]
    constants = {"w": normal(2, 3, 1, 1, seed=1), "p": np.array([0, 0, 1, 2, 0, 0, 3, 1])}
    made = check_agrees(model_of(nodes, {"x": image}, ["y"], constants=constants, opset=19), {"x": image})
    assert "TRANSPOSE" not in made.operators


@settings(max_examples=40, deadline=None)
@given(data=st.data())
def test_any_borders(data: st.DataObject) -> None:
    shape = tuple(data.draw(st.lists(st.integers(3, 5), min_size=1, max_size=4)))
    mode = data.draw(st.sampled_from(MODES))
    low = -1 if mode == "constant" else 0
    borders = [data.draw(st.integers(low if one % 2 else 0, 6)) for one in range(2 * len(shape))]
    run(normal(*shape), borders, *data.draw(st.sampled_from(["", "p"])), mode=mode)


@settings(max_examples=25, deadline=None)
@given(data=st.data())
def test_center_crop_pad(data: st.DataObject) -> None:
    shape = data.draw(st.lists(st.integers(1, 6), min_size=1, max_size=4))
    axes = data.draw(st.lists(st.integers(0, len(shape) - 1), unique=True, min_size=1))
    sides = np.array([data.draw(st.integers(1, 8)) for _ in axes])
    values = normal(*shape)
    model = node_model("CenterCropPad", {"x": values}, constants={"s": sides}, opset=18, axes=axes)
    check_agrees(model, {"x": values})


def test_what_has_no_equal_is_told() -> None:
    inputs = {"x": normal(3, 4), "p": np.array([1, 0, 0, 1])}
    with pytest.raises(ModelError, match="known only when the model runs"):
        to_tflite(node_model("Pad", inputs))
