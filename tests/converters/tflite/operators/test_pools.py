"""Pools of every kind, held against sums and maxima written out."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from edgeinfer.errors import ModelError
from edgeinfer_converters.tflite.convert import to_tflite
from tests.fixtures.lite import check_agrees, node_model, normal, run_lite


def windows(image: np.ndarray, attributes: dict[str, Any], border: float) -> np.ndarray:
    """The values of each window on a last axis; `border` fills up, nan what is beyond the borders."""
    kernel = attributes["kernel_shape"]
    rank = len(kernel)
    strides = attributes.get("strides", [1] * rank)
    dilations = attributes.get("dilations", [1] * rank)
    pads = attributes.get("pads", [0] * 2 * rank)
    around = [(0, 0), (0, 0), *zip(pads[:rank], pads[rank:], strict=True)]
    padded = np.pad(image.astype(np.float64), around, constant_values=border)
    index: list[Any] = []
    beyond = [(0, 0), (0, 0)]
    for axis, side in enumerate(padded.shape[2:]):
        extent = (kernel[axis] - 1) * dilations[axis] + 1
        count = (side - extent) // strides[axis] + 1
        if attributes.get("ceil_mode"):
            count = -(-(side - extent) // strides[axis]) + 1
            count -= (count - 1) * strides[axis] >= image.shape[2 + axis] + pads[axis]
        places = np.arange(count)[:, None] * strides[axis] + np.arange(kernel[axis]) * dilations[axis]
        beyond.append((0, max(int(places.max()) + 1 - side, 0)))
        shape = [1] * (2 * rank)
        shape[axis], shape[rank + axis] = places.shape
        index.append(places.reshape(shape))
    whole: np.ndarray = np.pad(padded, beyond, constant_values=np.nan)
    found = whole[(slice(None), slice(None), *index)]
    return found.reshape(*found.shape[: 2 + rank], -1)


POOLS = [
    {"kernel_shape": [3]},
    {"kernel_shape": [2], "strides": [3], "pads": [1, 0], "dilations": [2]},
    {"kernel_shape": [2, 3], "strides": [2, 1]},
    {"kernel_shape": [3, 3], "pads": [1, 1, 1, 1], "strides": [2, 2]},
    {"kernel_shape": [3, 2], "dilations": [2, 3], "pads": [1, 0, 2, 1]},
    {"kernel_shape": [2, 2], "strides": [2, 3], "ceil_mode": 1},
    {"kernel_shape": [3, 3], "strides": [2, 2], "pads": [1, 1, 1, 1], "ceil_mode": 1},
    {"kernel_shape": [2, 3, 2], "strides": [1, 2, 2]},
    {"kernel_shape": [3, 2, 2], "pads": [1, 0, 1, 1, 1, 0], "dilations": [1, 2, 1]},
]


def an_image(attributes: dict[str, Any]) -> np.ndarray:
    return normal(2, 3, *(7, 6, 8)[: len(attributes["kernel_shape"])])


@pytest.mark.parametrize("attributes", POOLS)
def test_greatest(attributes: dict[str, Any]) -> None:
    image = an_image(attributes)
    found = run_lite(to_tflite(node_model("MaxPool", {"x": image}, **attributes)), {"x": image})["y"]
    np.testing.assert_array_equal(found, np.nanmax(windows(image, attributes, np.nan), -1))


@pytest.mark.parametrize("attributes", POOLS)
@pytest.mark.parametrize("counted", [0, 1])
def test_mean(attributes: dict[str, Any], counted: int) -> None:
    image = an_image(attributes)
    model = node_model("AveragePool", {"x": image}, count_include_pad=counted, opset=19, **attributes)
    expected = np.nanmean(windows(image, attributes, 0.0 if counted else np.nan), -1)
    np.testing.assert_allclose(run_lite(to_tflite(model), {"x": image})["y"], expected, atol=1e-5)


@pytest.mark.parametrize("attributes", POOLS)
@pytest.mark.parametrize("power", [1, 2, 3])
def test_powers(attributes: dict[str, Any], power: int) -> None:
    image = an_image(attributes)
    model = node_model("LpPool", {"x": image}, p=power, opset=18, **attributes)
    sums = np.nansum(np.abs(windows(image, attributes, 0.0)) ** power, -1)
    found = run_lite(to_tflite(model), {"x": image})["y"]
    np.testing.assert_allclose(found, sums ** (1 / power), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("attributes", POOLS)
@pytest.mark.parametrize("by_column", [0, 1])
def test_where_the_greatest_are(attributes: dict[str, Any], by_column: int) -> None:
    image = an_image(attributes).round(0)
    model = node_model("MaxPool", {"x": image}, outputs=("y", "i"), storage_order=by_column, **attributes)
    found = run_lite(to_tflite(model), {"x": image})
    np.testing.assert_array_equal(found["y"], np.nanmax(windows(image, attributes, np.nan), -1))
    sides = image.shape[2:]
    planes = np.arange(6).reshape(2, 3, *(1,) * len(sides)) * np.prod(sides)
    order = np.arange(np.prod(sides)).reshape(sides)
    chosen = np.nanargmax(windows(image, attributes, np.nan), -1)
    by_row = windows(np.broadcast_to(order, image.shape), attributes, np.nan)
    places = np.take_along_axis(by_row, chosen[..., None], -1)[..., 0].astype(np.int64)
    if by_column:
        places = np.ravel_multi_index(np.unravel_index(places, sides), sides, order="F")
    assert found["i"].dtype == np.int64
    np.testing.assert_array_equal(found["i"], places + planes)


@pytest.mark.parametrize("dtype", [np.uint8, np.int8])
def test_greatest_of_integers(dtype: type) -> None:
    image: np.ndarray = np.random.default_rng(0).integers(0, 127, (1, 2, 6, 6)).astype(dtype)
    image[0, 0] = np.iinfo(dtype).min
    model = node_model("MaxPool", {"x": image}, kernel_shape=[3, 3], pads=[1, 1, 1, 1], strides=[2, 2])
    found = run_lite(to_tflite(model), {"x": image})["y"]
    assert found.dtype == dtype
    attributes = {"kernel_shape": [3, 3], "pads": [1, 1, 1, 1], "strides": [2, 2]}
    np.testing.assert_array_equal(found, np.nanmax(windows(image, attributes, np.nan), -1))


def test_usual_pools_are_one_operator() -> None:
    image = normal(1, 3, 8, 8)
    for kind, code in (("MaxPool", "MAX_POOL_2D"), ("AveragePool", "AVERAGE_POOL_2D")):
        for attributes in ({"strides": [2, 2]}, {"auto_pad": "SAME_UPPER"}):
            model = node_model(kind, {"x": image}, kernel_shape=[2, 2], **attributes)
            assert check_agrees(model, {"x": image}).operators == {code: 1}


@pytest.mark.parametrize("kind", ["GlobalAveragePool", "GlobalMaxPool", "GlobalLpPool"])
@pytest.mark.parametrize("rank", [3, 4, 5, 6])
def test_over_the_whole_image(kind: str, rank: int) -> None:
    image = normal(2, 3, *(2, 3, 2, 3)[: rank - 2])
    axes = tuple(range(2, rank))
    expected = {
        "GlobalAveragePool": image.mean(axes, keepdims=True),
        "GlobalMaxPool": image.max(axes, keepdims=True),
        "GlobalLpPool": np.sqrt((image**2).sum(axes, keepdims=True)),
    }[kind]
    found = run_lite(to_tflite(node_model(kind, {"x": image})), {"x": image})["y"]
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5)


def test_what_has_no_equal_is_named() -> None:
    image = normal(1, 1, 2, 2, 2, 2)
    with pytest.raises(ModelError, match="pools over 4 axes"):
        to_tflite(node_model("MaxPool", {"x": image}, kernel_shape=[2, 2, 2, 2]))


@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_any_window(data: st.DataObject) -> None:
    number = lambda low, high: data.draw(st.integers(low, high))  # noqa: E731
    rank = number(1, 3)
    kernel = [number(1, 3) for _ in range(rank)]
    attributes: dict[str, Any] = {
        "kernel_shape": kernel,
        "strides": [number(1, 3) for _ in range(rank)],
        "dilations": [number(1, 2) for _ in range(rank)],
        "pads": [number(0, size - 1) for size in kernel * 2],
        "ceil_mode": number(0, 1),
    }
    image = normal(1, 2, *(number(1, 6) for _ in range(rank)), seed=number(0, 9))
    extents = [(size - 1) * step + 1 for size, step in zip(kernel, attributes["dilations"], strict=True)]
    assume(
        all(
            side + attributes["pads"][axis] + attributes["pads"][axis + rank] >= extents[axis]
            for axis, side in enumerate(image.shape[2:])
        )
    )
    cells = windows(image, attributes, np.nan)
    assume(not np.isnan(cells).all(-1).any())
    for kind, expected in (("MaxPool", np.nanmax(cells, -1)), ("AveragePool", np.nanmean(cells, -1))):
        model = node_model(kind, {"x": image}, opset=19, **attributes)
        np.testing.assert_allclose(run_lite(to_tflite(model), {"x": image})["y"], expected, atol=1e-5)


@pytest.mark.parametrize("kind", ["MaxPool", "AveragePool"])
def test_what_runtimes_disagree_on_is_refused(kind: str) -> None:
    model = node_model(
        kind,
        {"x": normal(1, 2, 7, 7)},
        opset=19,
        kernel_shape=[2, 2],
        auto_pad="SAME_UPPER",
        dilations=[2, 1],
        strides=[2, 2],
    )
    with pytest.raises(ModelError, match="runtimes differ on what auto_pad SAME is with dilations"):
        to_tflite(model)


@pytest.mark.parametrize("kind", ["MaxPool", "AveragePool", "LpPool"])
def test_strides_that_leave_out_values_are_refused_with_same(kind: str) -> None:
    image = {"x": normal(1, 2, 8, 8)}
    model = node_model(kind, image, kernel_shape=[2, 2], auto_pad="SAME_UPPER", strides=[4, 4])
    with pytest.raises(ModelError, match="runtimes differ on what auto_pad SAME is where strides leave out"):
        to_tflite(model)
    check_agrees(node_model(kind, image, kernel_shape=[2, 2], strides=[4, 4]), image)


def test_a_window_larger_than_the_image_is_refused() -> None:
    model = node_model("AveragePool", {"x": normal(1, 2, 1, 5)}, kernel_shape=[3, 1], strides=[3, 2])
    with pytest.raises(ModelError, match="larger than the image with its borders"):
        to_tflite(model)
