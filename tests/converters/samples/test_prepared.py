"""Captured frames become samples by the device's own code."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgeinfer.errors import DataError
from edgeinfer.processing.preprocess import build_preprocessor
from edgeinfer.processing.spec import ImageInput, WindowInput
from edgeinfer_converters.samples import Request
from edgeinfer_converters.samples.prepared import FramePreparer
from tests.fixtures.data import (
    IMAGE_TENSOR,
    IMAGE_TOML,
    WINDOW_TENSOR,
    image_request,
    picture,
    pipeline,
    window_request,
)

TENSOR_TOML = '[model]\nname = "raw"\nversion = "1.0.0"\ntask = "raw"\n' + '[[input]]\nkind = "tensor"\n'


@given(st.integers(0, 2**32 - 1), st.integers(1, 40), st.integers(1, 40))
def test_an_image_is_what_the_device_computes(seed: int, width: int, height: int) -> None:
    frame = picture(seed, width=width, height=height)
    sample = FramePreparer(image_request(), ImageInput, "cal").prepare("a.png", frame, 2)
    wanted = build_preprocessor(pipeline(IMAGE_TOML).input[0], IMAGE_TENSOR)(frame)
    np.testing.assert_array_equal(sample.inputs["image"], wanted.tensor)
    assert sample.geometry == wanted.geometry
    assert (sample.name, sample.truth) == ("a.png", 2)


def test_a_window() -> None:
    rows = np.arange(16, dtype=np.float32).reshape(8, 2)
    sample = FramePreparer(window_request(), WindowInput, "cal").prepare("row 0", rows, None)
    np.testing.assert_array_equal(sample.inputs["window"], rows[None])
    assert sample.truth is None
    assert sample.geometry is None


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_numbers_that_are_none(value: float) -> None:
    rows = np.zeros((8, 2), np.float32)
    rows[3, 1] = value
    with pytest.raises(DataError, match="row 7: holds NaN or infinity"):
        FramePreparer(window_request(), WindowInput, "cal").prepare("row 7", rows, None)


@pytest.mark.parametrize(
    ("request_", "kind", "message"),
    [
        (window_request(), ImageInput, "holds images, and the pipeline takes windows of sensor rows"),
        (image_request(), WindowInput, "holds windows of sensor rows, and the pipeline takes images"),
        (
            Request(pipeline(TENSOR_TOML), (WINDOW_TENSOR,), (), "calibration"),
            ImageInput,
            "the pipeline takes arrays as they are",
        ),
        (
            Request(
                pipeline(TENSOR_TOML + '[[input]]\nkind = "tensor"\n'),
                (IMAGE_TENSOR, WINDOW_TENSOR),
                (),
                "calibration",
            ),
            ImageInput,
            "the pipeline takes 2 inputs",
        ),
    ],
    ids=["images for windows", "windows for images", "images for arrays", "several inputs"],
)
def test_data_of_another_kind(
    request_: Request, kind: type[ImageInput] | type[WindowInput], message: str
) -> None:
    with pytest.raises(DataError, match=message) as caught:
        FramePreparer(request_, kind, "cal")
    assert caught.value.message.startswith("cal: ")
    assert ".npz" in caught.value.hint
