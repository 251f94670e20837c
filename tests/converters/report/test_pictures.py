"""Thumbnails and curves of model inputs."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgeinfer.processing.geometry import Geometry
from edgeinfer.processing.preprocess import build_preprocessor
from edgeinfer.processing.results import Classification, DetectedObject, Detection
from edgeinfer.processing.spec import ImageInput
from edgeinfer_converters.report.pictures import (
    MAX_POINTS,
    MAX_SIDE,
    Curves,
    Thumbnail,
    curves,
    picture_of,
    thumbnail,
)
from edgeinfer_converters.samples.sample import Sample
from tests.fixtures.data import IMAGE_TENSOR, IMAGE_TOML, WINDOW_TOML, pipeline

NOTHING = Classification(classes=())


def decoded(one: Thumbnail) -> np.ndarray:
    image = cv2.imdecode(np.frombuffer(one.data, np.uint8), cv2.IMREAD_COLOR)
    assert image is not None
    return image


@pytest.mark.parametrize("layout", ["nchw", "nhwc", "auto"])
@pytest.mark.parametrize("color", ["rgb", "bgr"])
def test_a_thumbnail_undoes_what_the_pipeline_did(layout: Any, color: Any) -> None:
    frame = np.random.default_rng(0).integers(0, 256, (16, 16, 3), np.uint8)
    spec = ImageInput(size=(16, 16), color=color, layout=layout, mean=(120.0, 110.0, 100.0), std=(58.0,) * 3)
    prepared = build_preprocessor(spec, IMAGE_TENSOR if layout != "nhwc" else _nhwc())(frame)
    found = thumbnail(prepared.tensor, spec)
    assert found.media_type == "image/png"  # small ones without loss
    assert np.array_equal(decoded(found), frame)


def _nhwc() -> Any:
    return type(IMAGE_TENSOR)(name="image", dtype="float32", shape=(1, 16, 16, 3))


def test_large_pictures_are_made_small() -> None:
    found = thumbnail(np.zeros((1, 3, 300, 600), np.float32), ImageInput(size=(600, 300)))
    assert (found.width, found.height) == (MAX_SIDE, MAX_SIDE // 2)
    assert found.media_type == "image/jpeg"
    assert decoded(found).shape == (MAX_SIDE // 2, MAX_SIDE, 3)


def test_integer_and_gray_inputs() -> None:
    gray = ImageInput(size=(8, 8), color="gray")
    found = thumbnail(np.full((1, 1, 8, 8), -28, np.int8), gray)
    assert (decoded(found) == 100).all()
    found = thumbnail(np.full((1, 8, 8, 1), 100, np.uint8), gray)
    assert (decoded(found) == 100).all()


def test_boxes_in_shares_of_the_input() -> None:
    geometry = Geometry(scale_x=2.0, scale_y=2.0, offset_x=-8.0, offset_y=0.0, width=16, height=32)
    sample = Sample("s", {"image": np.zeros((1, 3, 16, 16), np.float32)}, geometry)
    found = Detection(objects=(DetectedObject(label="a", score=1.0, box=(0.0, 16.0, 8.0, 8.0)),))
    made = picture_of(sample, pipeline(IMAGE_TOML), found, Detection(objects=()))
    assert isinstance(made, Thumbnail)
    assert made.reference == ((0.25, 0.5, 0.25, 0.25),)
    assert made.converted == ()


def test_windows_are_curves() -> None:
    sample = Sample("s", {"window": np.arange(16, dtype=np.float32).reshape(1, 8, 2)})
    made = picture_of(sample, pipeline(WINDOW_TOML), NOTHING, NOTHING)
    assert made == Curves(((0, 2, 4, 6, 8, 10, 12, 14), (1, 3, 5, 7, 9, 11, 13, 15)))


@given(st.integers(2, 5000), st.integers(1, 9))
def test_curves_are_never_long(length: int, columns: int) -> None:
    made = curves(np.zeros((1, length, columns), np.float32))
    assert made is not None
    assert 1 <= len(made.series) <= 4
    assert all(1 < len(one) <= MAX_POINTS for one in made.series)


@pytest.mark.parametrize("shape", [(1,), (1, 1), (1, 2, 3, 4)])
def test_what_is_no_curve(shape: tuple[int, ...]) -> None:
    assert curves(np.zeros(shape, np.float32)) is None
