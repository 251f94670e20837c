"""Regions and deformed windows, held against onnx's own."""

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


def regions(count: int, seed: int) -> np.ndarray:
    """Corners in and around an image of 8 x 8; some regions are thin, some turned around."""
    return np.random.default_rng(seed).uniform(-3, 20, (count, 4)).astype(np.float32)


@settings(max_examples=40, deadline=None)
@given(
    mode=st.sampled_from(["avg", "max"]),
    transform=st.sampled_from(["half_pixel", "output_half_pixel"]),
    bins=st.tuples(st.integers(1, 3), st.integers(1, 3)),
    samples=st.integers(1, 3),
    seed=st.integers(0, 99),
)
def test_regions(mode: str, transform: str, bins: tuple[int, int], samples: int, seed: int) -> None:
    inputs = {
        "x": np.abs(normal(2, 3, 8, 7, seed=seed)),
        "r": regions(4, seed),
        "b": np.array([0, 1, 1, 0]),
    }
    model = node_model(
        "RoiAlign",
        inputs,
        mode=mode,
        coordinate_transformation_mode=transform,
        output_height=bins[0],
        output_width=bins[1],
        sampling_ratio=samples,
        spatial_scale=0.5,
    )
    check_agrees(model, inputs, rtol=1e-3, atol=1e-4)


def test_before_opset_16_nothing_is_shifted() -> None:
    inputs = {"x": normal(1, 1, 8, 8), "r": regions(3, 1), "b": np.array([0, 0, 0])}
    old = node_model("RoiAlign", inputs, output_height=2, output_width=2, sampling_ratio=2, opset=13)
    new = node_model(
        "RoiAlign",
        inputs,
        output_height=2,
        output_width=2,
        sampling_ratio=2,
        coordinate_transformation_mode="output_half_pixel",
    )
    found, expected = (run_lite(to_tflite(model), inputs)["y"] for model in (old, new))
    np.testing.assert_array_equal(found, expected)


def test_samples_that_depend_on_the_region_are_refused() -> None:
    inputs = {"x": normal(1, 1, 8, 8), "r": regions(3, 1), "b": np.array([0, 0, 0])}
    with pytest.raises(ModelError, match="depends on the regions"):
        to_tflite(node_model("RoiAlign", inputs, output_height=2, output_width=2))


@settings(max_examples=25, deadline=None)
@given(data=st.data())
def test_deformed_windows(data: st.DataObject) -> None:
    number = lambda low, high: data.draw(st.integers(low, high))  # noqa: E731
    kernel, strides = [number(1, 3), number(1, 2)], [number(1, 2), number(1, 2)]
    dilations, pads = [number(1, 2), number(1, 2)], [number(0, 1) for _ in range(4)]
    groups, offset_groups = number(1, 2), number(1, 2)
    image = normal(2, 4, 5, 6, seed=number(0, 9))
    places = [
        (side + pads[axis] + pads[axis + 2] - (kernel[axis] - 1) * dilations[axis] - 1) // strides[axis] + 1
        for axis, side in enumerate(image.shape[2:])
    ]
    taken = offset_groups * int(np.prod(kernel))
    inputs = {
        "x": image,
        "w": normal(2, 4 // groups, *kernel, seed=1),
        "o": normal(2, 2 * taken, *places, seed=2),
        "b": normal(2, seed=3),
        "m": normal(2, taken, *places, seed=4),
    }
    attributes: dict[str, Any] = {
        **{"strides": strides, "dilations": dilations, "pads": pads, "kernel_shape": kernel},
        **{"group": groups, "offset_group": offset_groups},
    }
    if not number(0, 1):
        del inputs["m"], inputs["b"]
    model = node_model("DeformConv", inputs, opset=19, **attributes)
    check_agrees(model, inputs, rtol=1e-3, atol=1e-4)


def test_without_shifts_it_is_a_convolution() -> None:
    image, weights = normal(1, 3, 6, 6), normal(4, 3, 3, 3, seed=1)
    constants = {"w": weights, "o": np.zeros((1, 18, 6, 6), np.float32)}
    deformed = node_model("DeformConv", {"x": image}, constants=constants, pads=[1] * 4, opset=19)
    usual = node_model("Conv", {"x": image}, constants={"w": weights}, pads=[1] * 4)
    found, expected = (run_lite(to_tflite(model), {"x": image})["y"] for model in (deformed, usual))
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5)


def test_behind_a_convolution_nothing_is_transposed() -> None:
    image = normal(1, 3, 6, 6)
    nodes = [
        helper.make_node("Conv", ["x", "k"], ["c"], name="conv"),
        helper.make_node("Conv", ["c", "k2"], ["o"], name="offsets", pads=[1] * 4),
        helper.make_node("DeformConv", ["c", "w", "o"], ["y"], name="deform", pads=[1] * 4),
    ]
    constants = {
        "k": normal(4, 3, 1, 1),
        "k2": normal(18, 4, 3, 3, seed=1) * 0.1,
        "w": normal(2, 4, 3, 3, seed=2),
    }
    model = model_of(nodes, {"x": image}, ["y"], constants=constants, opset=19)
    assert "TRANSPOSE" not in check_agrees(model, {"x": image}, rtol=1e-3, atol=1e-4).operators


def test_other_ranks_are_refused() -> None:
    inputs = {"x": normal(1, 1, 5), "w": normal(1, 1, 3), "o": normal(1, 3, 3)}
    node = helper.make_node("DeformConv", list(inputs), ["y"], name="deform")
    infos = [helper.make_tensor_value_info(name, 1, values.shape) for name, values in inputs.items()]
    graph = helper.make_graph([node], "line", infos, [helper.make_tensor_value_info("y", 1, [1, 1, 3])])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 19)], ir_version=10)
    with pytest.raises(ModelError, match="over two axes"):
        to_tflite(model)
