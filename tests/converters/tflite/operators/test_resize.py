"""Resizing by every interpolation."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from onnx import helper

from edgeinfer.errors import ModelError
from edgeinfer_converters.tflite.convert import TfliteModel, to_tflite
from edgeinfer_converters.tflite.interpolation import Axis
from tests.fixtures.lite import check_agrees, model_of, node_model, normal, run_lite, run_onnx
from tests.fixtures.resizing import has_clear_neighbours

IMAGE = normal(1, 3, 6, 8)
ORDER = ("x", "", "scales")


def resized(image: np.ndarray, scales: list[float], **attributes: Any) -> TfliteModel:
    """Hold a Resize by factors against onnx's own."""
    model = node_model(
        "Resize",
        {"x": image},
        constants={"scales": np.array(scales, np.float32)},
        order=ORDER,
        opset=19,
        **attributes,
    )
    return check_agrees(model, {"x": image})


@pytest.mark.parametrize(
    ("scales", "attributes", "kernel"),
    [
        (
            [1, 1, 3, 3],
            {"nearest_mode": "floor", "coordinate_transformation_mode": "asymmetric"},
            "NEAREST_NEIGHBOR",
        ),
        ([1, 1, 2, 3], {}, "NEAREST_NEIGHBOR"),
        ([1, 1, 2, 2], {"mode": "linear"}, "BILINEAR"),
        (
            [1, 1, 2, 2],
            {"mode": "linear", "coordinate_transformation_mode": "pytorch_half_pixel"},
            "BILINEAR",
        ),
        ([1, 1, 2, 2], {"mode": "linear", "coordinate_transformation_mode": "align_corners"}, "BILINEAR"),
        ([1, 1, 2, 4], {"mode": "linear", "coordinate_transformation_mode": "asymmetric"}, "BILINEAR"),
        ([1, 1, 0.5, 0.5], {"mode": "linear"}, "BILINEAR"),
    ],
)
def test_what_a_kernel_computes_is_one_operator(
    scales: list[float], attributes: dict[str, Any], kernel: str
) -> None:
    assert resized(IMAGE, scales, **attributes).operators == {f"RESIZE_{kernel}": 1}


@pytest.mark.parametrize(
    "attributes", [{}, {"nearest_mode": "floor", "coordinate_transformation_mode": "asymmetric"}]
)
def test_twice_the_size_is_four_times_the_channels(attributes: dict[str, Any]) -> None:
    """Both are operators of XNNPACK, which RESIZE_NEAREST_NEIGHBOR is not."""
    found = resized(IMAGE, [1, 1, 2, 2], **attributes).operators
    assert found == {"CONCATENATION": 1, "DEPTH_TO_SPACE": 1}
    assert "DEPTH_TO_SPACE" not in resized(IMAGE, [1, 1, 2, 1], **attributes).operators
    assert "DEPTH_TO_SPACE" not in resized(IMAGE.astype(np.int32), [1, 1, 2, 2], **attributes).operators


@pytest.mark.parametrize("mode", ["nearest", "linear", "cubic"])
@pytest.mark.parametrize("scales", [[1, 1, 1.7, 0.6], [1, 2, 1, 1], [1, 1, 3, 1]])
def test_other_factors_and_axes(mode: str, scales: list[float]) -> None:
    resized(IMAGE, scales, mode=mode)


def test_a_factor_that_is_not_the_ratio_of_the_sizes() -> None:
    made = resized(IMAGE, [1, 1, 0.6, 0.6], mode="linear")
    assert "RESIZE_BILINEAR" not in made.operators


@pytest.mark.parametrize("rank", [1, 2, 3, 5])
@pytest.mark.parametrize("mode", ["nearest", "linear"])
def test_any_number_of_axes(rank: int, mode: str) -> None:
    image = normal(*(1, 2, 5, 4, 3)[:rank])
    resized(image, [1.0] * (rank - 1) + [1.5], mode=mode)


@pytest.mark.parametrize("mode", ["linear", "cubic"])
def test_antialiasing(mode: str) -> None:
    resized(IMAGE, [1, 1, 0.6, 0.45], mode=mode, antialias=1)


@pytest.mark.parametrize("policy", ["stretch", "not_larger", "not_smaller"])
@pytest.mark.parametrize("mode", ["nearest", "linear"])
def test_sizes_and_policies(policy: str, mode: str) -> None:
    model = node_model(
        "Resize",
        {"x": IMAGE},
        constants={"sizes": np.array([9, 9])},
        order=("x", "", "", "sizes"),
        axes=[-1, 2],
        keep_aspect_ratio_policy=policy,
        mode=mode,
        opset=19,
    )
    model.graph.node[0].attribute[0].ints[:] = [3, 2]
    check_agrees(model, {"x": IMAGE})


@pytest.mark.parametrize("mode", ["nearest", "linear", "cubic"])
@pytest.mark.parametrize("roi", [[0.1, 0.2, 0.8, 0.9], [-0.3, 0, 0.7, 1.4]])
def test_crops(mode: str, roi: list[float]) -> None:
    constants = {"roi": np.array(roi, np.float32), "sizes": np.array([5, 7])}
    model = node_model(
        "Resize",
        {"x": IMAGE},
        constants=constants,
        order=("x", "roi", "", "sizes"),
        axes=[2, 3],
        mode=mode,
        coordinate_transformation_mode="tf_crop_and_resize",
        extrapolation_value=-3.5,
        opset=19,
    )
    check_agrees(model, {"x": IMAGE})


@pytest.mark.parametrize("mode", ["nearest", "linear", "cubic"])
def test_behind_a_convolution_nothing_is_transposed(mode: str) -> None:
    nodes = [
        helper.make_node("Conv", ["x", "w"], ["c"], name="conv"),
        helper.make_node("Resize", ["c", "", "s"], ["y"], name="resize", mode=mode),
    ]
    constants = {"w": normal(4, 3, 1, 1), "s": np.array([1, 1, 1.5, 1.5], np.float32)}
    model = model_of(nodes, {"x": IMAGE}, ["y"], constants=constants)
    assert "TRANSPOSE" not in check_agrees(model, {"x": IMAGE}).operators


def test_integers_are_moved_but_not_interpolated() -> None:
    image = np.arange(16, dtype=np.uint8).reshape(1, 1, 4, 4)
    resized(image, [1, 1, 1.5, 2])
    with pytest.raises(ModelError, match="rounded differs"):
        resized(image, [1, 1, 1.5, 2], mode="linear")


def test_nothing_to_resize() -> None:
    resized(IMAGE, [1, 1, 1, 1])
    resized(IMAGE, [1, 1, 1, 1], mode="linear")


@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_any_form(data: st.DataObject) -> None:
    number = lambda low, high: data.draw(st.integers(low, high))  # noqa: E731
    image = normal(1, 2, number(1, 6), number(1, 6), seed=number(0, 9))
    scales = [number(5, 48) / 16, number(5, 48) / 16]
    assume(all(int(scale * side) > 0 for scale, side in zip(scales, image.shape[2:], strict=True)))
    mode = data.draw(st.sampled_from(["nearest", "linear", "cubic"]))
    transform = data.draw(
        st.sampled_from(
            ["half_pixel", "pytorch_half_pixel", "asymmetric", "align_corners", "half_pixel_symmetric"]
        )
    )
    rounding = data.draw(st.sampled_from(["floor", "ceil", "round_prefer_floor", "round_prefer_ceil"]))
    for before, scale in zip(image.shape[2:], scales, strict=True):
        axis = Axis(before, int(scale * before), scale)
        assume(has_clear_neighbours(axis, transform) and not axis.is_disputed(transform))
    resized(
        image,
        [1.0, 1.0, *scales],
        mode=mode,
        coordinate_transformation_mode=transform,
        nearest_mode=rounding,
        antialias=0 if mode == "nearest" else number(0, 1),
        exclude_outside=number(0, 1) if mode == "cubic" else 0,
    )


@pytest.mark.parametrize("mode", ["nearest", "linear", "cubic"])
def test_corners_are_aligned_by_whole_lengths_alone(mode: str) -> None:
    """By others the last place is that of ONNX Runtime, or lies before it as in ONNX's reference."""
    corners = {"mode": mode, "coordinate_transformation_mode": "align_corners"}
    resized(normal(1, 2, 4, 5), [1, 1, 1.5, 0.6], **corners)
    resized(normal(1, 2, 1, 4), [1, 1, 1.7, 0.4], **corners)
    for factors in ([1, 1, 1.7, 1], [1, 1, 1, 0.6]):
        with pytest.raises(ModelError, match="gives no whole length; sizes say it"):
            resized(normal(1, 2, 4, 4), factors, **corners)


def test_factors_that_are_left_out_by_an_empty_constant() -> None:
    model = node_model(
        "Resize",
        {"x": normal(1, 2, 3, 4)},
        constants={
            "roi": np.zeros(0, np.float32),
            "scales": np.zeros(0, np.float32),
            "sizes": np.array([1, 2, 6, 9]),
        },
        opset=11,
        mode="linear",
    )
    made = to_tflite(model)
    expected = node_model(
        "Resize",
        {"x": normal(1, 2, 3, 4)},
        constants={"sizes": np.array([1, 2, 6, 9])},
        order=["x", "", "", "sizes"],
        mode="linear",
    )
    image = {"x": normal(1, 2, 3, 4)}
    np.testing.assert_allclose(
        run_lite(made, image)["y"], run_onnx(expected, image)["y"], rtol=1e-4, atol=1e-5
    )
