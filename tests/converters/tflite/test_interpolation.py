"""Coordinates, indices and matrices of resized axes."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from onnx.reference import ReferenceEvaluator

from edgeinfer_converters.tflite.faults import UnsupportedError
from edgeinfer_converters.tflite.interpolation import (
    Axis,
    cubic,
    is_identity,
    linear,
    nearest,
    tflite_linear,
    tflite_nearest,
)
from tests.fixtures.lite import node_model
from tests.fixtures.resizing import has_clear_neighbours

TRANSFORMS = [
    *("half_pixel", "pytorch_half_pixel", "half_pixel_symmetric", "asymmetric", "align_corners"),
    "tf_crop_and_resize",
]


def reference(axis: Axis, values: np.ndarray, **attributes: Any) -> np.ndarray:
    """What onnx's own implementation makes of one axis."""
    inputs = {"x": values, "roi": np.array(axis.roi), "scales": np.array([axis.scale], np.float32)}
    model = node_model("Resize", inputs, opset=19, **attributes)
    found: np.ndarray = ReferenceEvaluator(model).run(None, inputs)[0]  # type: ignore[index]
    return found


@st.composite
def axes(draw: st.DrawFn) -> Axis:
    before = draw(st.integers(1, 9))
    scale = draw(st.integers(19, 192).map(lambda part: part / 64))
    assume(int(scale * before) > 0)
    start = draw(st.integers(-16, 32).map(lambda part: part / 64))
    return Axis(before, int(scale * before), scale, (start, start + draw(st.integers(16, 64)) / 64))


@given(axis=axes())
def test_only_the_corners_of_lengths_that_are_not_whole_are_disputed(axis: Axis) -> None:
    """The coordinates by the factor are those by the length of the result, wherever that is whole."""
    by_length = replace(axis, scale=axis.after / axis.before)
    same = np.allclose(axis.coordinates("align_corners"), by_length.coordinates("align_corners"))
    assert axis.is_disputed("align_corners") == (not same)
    assert not any(axis.is_disputed(transform) for transform in TRANSFORMS if transform != "align_corners")


@settings(max_examples=300, deadline=None)
@given(
    axis=axes(),
    transform=st.sampled_from(TRANSFORMS),
    mode=st.sampled_from(["linear", "cubic"]),
    antialias=st.booleans(),
    exclude=st.booleans(),
)
def test_matrices(axis: Axis, transform: str, mode: str, antialias: bool, exclude: bool) -> None:
    assume(has_clear_neighbours(axis, transform))
    options = {"antialias": antialias, "exclude_outside": exclude}
    if mode == "linear":
        matrix = linear(axis, transform, **options)
    else:
        matrix = cubic(axis, transform, -0.5, **options)
    values = np.random.default_rng(0).standard_normal(axis.before)
    expected = reference(
        axis,
        values,
        mode=mode,
        coordinate_transformation_mode=transform,
        cubic_coeff_a=-0.5,
        antialias=int(antialias),
        exclude_outside=int(exclude),
    )
    if axis.scale == 1.0 and (transform != "tf_crop_and_resize" or axis.roi == (0.0, 1.0)):
        expected = values
    assert matrix.shape == (axis.after, axis.before)
    np.testing.assert_allclose(matrix @ values, expected, rtol=1e-5, atol=1e-6)


@settings(max_examples=200, deadline=None)
@given(
    axis=axes(),
    transform=st.sampled_from(TRANSFORMS),
    rounding=st.sampled_from(["floor", "ceil", "round_prefer_floor", "round_prefer_ceil"]),
)
def test_indices(axis: Axis, transform: str, rounding: str) -> None:
    assume(has_clear_neighbours(axis, transform))
    values = np.arange(axis.before) + 1.0
    found = np.where(axis.outside(transform), 0.0, values[nearest(axis, transform, rounding)])
    expected = reference(axis, values, coordinate_transformation_mode=transform, nearest_mode=rounding)
    np.testing.assert_array_equal(found, expected)


def test_what_the_kernels_compute() -> None:
    np.testing.assert_array_equal(tflite_nearest(3, 6, align=False, half=False), [0, 0, 1, 1, 2, 2])
    np.testing.assert_array_equal(tflite_nearest(4, 2, align=False, half=True), [1, 3])
    np.testing.assert_array_equal(tflite_nearest(3, 5, align=True, half=False), [0, 1, 1, 2, 2])
    np.testing.assert_allclose(
        tflite_linear(2, 4, align=False, half=True), np.array([[1, 0], [0.75, 0.25], [0.25, 0.75], [0, 1]])
    )
    for side in (1, 2, 5):
        assert is_identity(tflite_linear(side, side, align=True, half=False))
        assert tflite_linear(side, 7, align=False, half=True).sum() == pytest.approx(7)


def test_only_the_identity_changes_nothing() -> None:
    assert is_identity(np.eye(3))
    assert not is_identity(np.eye(3)[:2])
    assert not is_identity(np.eye(3)[::-1])


def test_unknown_words_are_refused() -> None:
    with pytest.raises(UnsupportedError, match="coordinates `sideways`"):
        Axis(2, 4, 2.0).coordinates("sideways")
    with pytest.raises(UnsupportedError, match="rounding `up`"):
        nearest(Axis(2, 4, 2.0), "half_pixel", "up")
