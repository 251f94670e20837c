"""Resizing by factors, sizes and regions that are inputs of the model."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from onnx import helper

from edgeinfer.errors import ModelError
from edgeinfer_converters.tflite.convert import to_tflite
from edgeinfer_converters.tflite.interpolation import Axis
from tests.fixtures.lite import check_agrees, normal
from tests.fixtures.resizing import has_clear_neighbours

TRANSFORMS = ["half_pixel", "pytorch_half_pixel", "half_pixel_symmetric", "asymmetric", "align_corners"]


def late_model(inputs: dict[str, np.ndarray], after: tuple[int, ...], **attributes: Any) -> onnx.ModelProto:
    """A Resize whose result has a declared shape, and all of whose inputs are given when it runs."""
    names = [name if name in inputs else "" for name in ("x", "roi", "scales", "sizes")]
    while not names[-1]:
        names.pop()
    infos = [
        helper.make_tensor_value_info(name, helper.np_dtype_to_tensor_dtype(values.dtype), values.shape)
        for name, values in inputs.items()
    ]
    kind = helper.np_dtype_to_tensor_dtype(inputs["x"].dtype)
    graph = helper.make_graph(
        [helper.make_node("Resize", names, ["y"], name="resize", **attributes)],
        "late",
        infos,
        [helper.make_tensor_value_info("y", kind, after)],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 19)], ir_version=10)


@settings(max_examples=100, deadline=None)
@given(data=st.data())
def test_any_form(data: st.DataObject) -> None:
    number = lambda low, high: data.draw(st.integers(low, high))  # noqa: E731
    image = normal(1, 2, number(2, 6), number(2, 6), seed=number(0, 9))
    scales = np.array([number(8, 48) / 16, number(8, 48) / 16], np.float32)
    after = tuple(int(scale * side) for scale, side in zip(scales, image.shape[2:], strict=True))
    assume(min(after) > 1)
    mode = data.draw(st.sampled_from(["nearest", "linear", "cubic"]))
    inputs = {"x": image, "scales": scales}
    transform = data.draw(st.sampled_from(TRANSFORMS))
    if mode == "nearest":
        # On the brink of a rounding float32 and float64 differ: these coordinates are exact.
        transform, scales[:] = "asymmetric", [2.0, 0.5]
        after = image.shape[2] * 2, image.shape[3] // 2
    for before, size, scale in zip(image.shape[2:], after, scales, strict=True):
        assume(has_clear_neighbours(Axis(before, size, float(scale)), transform))
    model = late_model(
        inputs,
        (1, 2, *after),
        axes=[2, 3],
        mode=mode,
        coordinate_transformation_mode=transform,
        nearest_mode=data.draw(st.sampled_from(["floor", "ceil", "round_prefer_floor", "round_prefer_ceil"])),
        antialias=0 if mode == "nearest" else number(0, 1),
        exclude_outside=number(0, 1) if mode == "cubic" else 0,
    )
    check_agrees(model, inputs, rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("policy", ["not_larger", "not_smaller"])
@pytest.mark.parametrize("mode", ["nearest", "linear"])
def test_policies(policy: str, mode: str) -> None:
    inputs = {"x": normal(1, 1, 4, 6), "sizes": np.array([8, 18])}
    side = (8, 12) if policy == "not_larger" else (12, 18)
    model = late_model(inputs, (1, 1, *side), axes=[2, 3], mode=mode, keep_aspect_ratio_policy=policy)
    check_agrees(model, inputs)


@pytest.mark.parametrize("mode", ["nearest", "linear", "cubic"])
@pytest.mark.parametrize("after", [(4, 5), (1, 3)])
def test_regions(mode: str, after: tuple[int, int]) -> None:
    roi = np.array([0.125, -0.25, 0.75, 0.8], np.float32)
    inputs = {"x": normal(1, 2, 5, 6), "roi": roi, "sizes": np.array(after)}
    model = late_model(
        inputs,
        (1, 2, *after),
        axes=[2, 3],
        mode=mode,
        coordinate_transformation_mode="tf_crop_and_resize",
        extrapolation_value=7.0,
    )
    check_agrees(model, inputs)


def test_all_axes_and_integers() -> None:
    inputs = {"x": normal(1, 2, 3, 4), "scales": np.array([1, 1, 2, 1.5], np.float32)}
    check_agrees(late_model(inputs, (1, 2, 6, 6), mode="linear"), inputs)
    whole = {**inputs, "x": np.arange(24, dtype=np.uint8).reshape(1, 2, 3, 4)}
    check_agrees(late_model(whole, (1, 2, 6, 6), mode="nearest"), whole)


@pytest.mark.parametrize(
    ("attributes", "dtype", "after", "message"),
    [
        ({"mode": "linear"}, np.uint8, (1, 1, 4, 4), "rounded differs"),
        ({"coordinate_transformation_mode": "pytorch_half_pixel"}, np.float32, (1, 1, 1, 4), "just one"),
        (
            {"coordinate_transformation_mode": "tf_half_pixel_for_nn"},
            np.float32,
            (1, 1, 4, 4),
            "must be known",
        ),
    ],
)
def test_what_has_no_equal_is_named(
    attributes: dict[str, Any], dtype: type, after: tuple[int, ...], message: str
) -> None:
    inputs = {"x": np.zeros((1, 1, 2, 2), dtype), "scales": np.ones(4, np.float32)}
    with pytest.raises(ModelError, match=message):
        to_tflite(late_model(inputs, after, **attributes))
