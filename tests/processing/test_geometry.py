"""Where a picture lies in the model's input."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgeinfer.processing.geometry import Geometry, place
from edgeinfer.processing.spec import ImageInput

sides = st.integers(1, 4000)
small = st.integers(8, 640)


def letterbox(width: int, height: int, anchor: Any) -> ImageInput:
    return ImageInput(size=(width, height), resize="letterbox", anchor=anchor)


@given(sides, sides, small, small)
def test_letterbox_keeps_proportions_and_fits(width: int, height: int, wide: int, high: int) -> None:
    placed = place(letterbox(wide, high, "center"), width, height)
    ratio = min(wide / width, high / height)
    assert placed.resized == (max(1, int(width * ratio)), max(1, int(height * ratio)))
    assert placed.extent == placed.resized
    right = placed.origin[0] + placed.extent[0]
    bottom = placed.origin[1] + placed.extent[1]
    assert 0 <= placed.origin[0] <= right <= wide
    assert 0 <= placed.origin[1] <= bottom <= high
    assert abs(placed.origin[0] - (wide - right)) <= 1
    assert abs(placed.origin[1] - (high - bottom)) <= 1


@given(sides, sides, small)
def test_top_left_letterbox_starts_at_the_corner(width: int, height: int, size: int) -> None:
    assert place(letterbox(size, size, "top-left"), width, height).origin == (0, 0)


def test_letterbox_cuts_fractions_off_as_yolox_does() -> None:
    placed = place(letterbox(416, 416, "top-left"), 500, 333)
    assert placed.resized == (416, 277)  # 277.056


@given(
    st.sampled_from(["stretch", "letterbox", "center-crop"]),
    st.sampled_from(["center", "top-left"]),
    sides,
    sides,
    small,
    small,
)
def test_the_way_back_leads_from_the_input_to_the_frame(
    resize: Any, anchor: Any, width: int, height: int, wide: int, high: int
) -> None:
    short = max(wide, high) if resize == "center-crop" else None
    spec = ImageInput(
        size=(wide, high),
        resize=resize,
        anchor=anchor,
        short_side=short,
    )
    placed = place(spec, width, height)
    # The corners of the whole resized picture, in coordinates of the model's input …
    x = placed.origin[0] - placed.crop[0]
    y = placed.origin[1] - placed.crop[1]
    corners = np.array([[x, y, x + placed.resized[0], y + placed.resized[1]]], np.float64)
    # … are the corners of the frame.
    found = placed.geometry.to_source(corners)[0]
    assert found == pytest.approx([0, 0, width, height], abs=1e-6)


@given(sides, sides, small, small)
def test_center_crop_takes_a_whole_window_from_the_middle(
    width: int, height: int, wide: int, high: int
) -> None:
    short = max(wide, high)
    spec = ImageInput(size=(wide, high), resize="center-crop", short_side=short)
    placed = place(spec, width, height)
    assert min(placed.resized) == short
    assert placed.extent == (wide, high)
    for crop, extent, whole in zip(placed.crop, placed.extent, placed.resized, strict=True):
        assert 0 <= crop <= whole - extent
        assert abs(crop - (whole - extent) / 2) <= 0.5


def test_center_crop_as_torchvision_computes_it() -> None:
    # torchvision: Resize(256) of 500 x 375 gives 341 x 256; CenterCrop(224) starts at round(58.5), 16.
    placed = place(ImageInput(size=(224, 224), resize="center-crop", short_side=256), 500, 375)
    assert (placed.resized, placed.crop) == ((341, 256), (58, 16))


def test_portrait_frames_have_their_short_side_across() -> None:
    placed = place(ImageInput(size=(10, 10), resize="center-crop", short_side=20), 100, 300)
    assert (placed.resized, placed.crop) == ((20, 60), (5, 25))


def test_stretch_scales_each_axis_by_itself() -> None:
    geometry = place(ImageInput(size=(300, 100)), 600, 400).geometry
    assert geometry == Geometry(2.0, 4.0, 0.0, 0.0, 600, 400)
    assert geometry.to_source(np.array([[1.0, 2.0, 3.0, 4.0]])).tolist() == [[2.0, 8.0, 6.0, 16.0]]
