"""Pictures into tensors, against the plain way of computing it."""

from __future__ import annotations

import sys
from typing import Any

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from edgeinfer.errors import DataError, MissingRuntimeError, ModelError
from edgeinfer.frames import Array, Quantization, TensorInfo
from edgeinfer.processing.image import ImagePreprocessor, build_tables, find_layout
from edgeinfer.processing.preprocess import build_preprocessor
from edgeinfer.processing.spec import ImageInput

MEAN, STD = (123.675, 116.28, 103.53), (58.395, 57.12, 57.375)
QUANTIZED = {
    "float32": None,
    "int8": Quantization(scale=0.02, zero_point=-3),
    "uint8": Quantization(scale=0.017, zero_point=114),
}


def picture(width: int, height: int, seed: int = 0) -> Array:
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)


def info(spec: ImageInput, layout: str, dtype: str = "float32") -> TensorInfo:
    width, height = spec.size
    shape = (1, spec.channels, height, width) if layout == "nchw" else (1, height, width, spec.channels)
    return TensorInfo(name="image", dtype=dtype, shape=shape, quantization=QUANTIZED[dtype])


def plain(spec: ImageInput, frame: Array, layout: str, dtype: str = "float32") -> Array:
    """Normalize, then quantize, then lay out: one step after the other, in double precision."""
    colors = {"bgr": frame, "rgb": frame[:, :, ::-1]}
    rows = cv2.cvtColor(frame, cv2.COLOR_BGR2GRAY)[:, :, None] if spec.color == "gray" else colors[spec.color]
    real = (rows.astype(np.float64) - spec.mean) / spec.std
    quantization = QUANTIZED[dtype]
    if quantization is not None:
        limits = np.iinfo(dtype)
        stored = np.rint(real / quantization.scale) + quantization.zero_point
        real = np.clip(stored, limits.min, limits.max)
    tensor = real.astype(dtype)[None]
    return tensor.transpose(0, 3, 1, 2) if layout == "nchw" else tensor


@pytest.mark.parametrize("color", ["rgb", "bgr", "gray"])
@pytest.mark.parametrize("layout", ["nchw", "nhwc"])
@pytest.mark.parametrize("dtype", ["float32", "int8", "uint8"])
def test_tables_equal_normalizing_then_quantizing(color: Any, layout: str, dtype: str) -> None:
    mean, std = ((MEAN[0],), (STD[0],)) if color == "gray" else (MEAN, STD)
    spec = ImageInput(size=(33, 21), color=color, mean=mean, std=std)
    frame = picture(33, 21)
    tensor = ImagePreprocessor(spec, info(spec, layout, dtype))(frame).tensor
    assert tensor.dtype == np.dtype(dtype)
    assert tensor.flags["C_CONTIGUOUS"]
    assert np.array_equal(tensor, plain(spec, frame, layout, dtype))


@settings(max_examples=40, deadline=None)
@given(
    st.floats(-50, 300),
    st.floats(0.01, 300),
    st.sampled_from(["int8", "uint8"]),
    st.floats(1e-3, 10),
    st.integers(0, 127),
)
def test_a_table_holds_what_each_byte_becomes(
    mean: float, std: float, dtype: str, scale: float, zero_point: int
) -> None:
    spec = ImageInput(size=(4, 4), color="gray", mean=(mean,), std=(std,))
    tensor = TensorInfo(
        name="x",
        dtype=dtype,
        shape=(1, 4, 4, 1),
        quantization=Quantization(scale=scale, zero_point=zero_point),
    )
    low, high = np.iinfo(dtype).min, np.iinfo(dtype).max
    expected = [min(high, max(low, round((x - mean) / std / scale) + zero_point)) for x in range(256)]
    assert build_tables(spec, tensor)[0].tolist() == expected


@pytest.mark.parametrize("layout", ["nchw", "nhwc"])
@pytest.mark.parametrize("color", ["rgb", "bgr"])
def test_unnormalized_floats_are_the_bytes(layout: str, color: Any) -> None:
    spec = ImageInput(size=(20, 10), color=color)
    frame = picture(20, 10)
    tensor = ImagePreprocessor(spec, info(spec, layout))(frame).tensor
    assert np.array_equal(tensor, plain(spec, frame, layout))


@pytest.mark.parametrize("layout", ["nchw", "nhwc"])
@pytest.mark.parametrize("anchor", ["center", "top-left"])
@pytest.mark.parametrize("size", [(64, 48), (100, 30), (30, 100), (10, 10)])
@pytest.mark.parametrize("mean", [(0.0,), (10.0,)])
def test_letterbox_pads_around_the_resized_picture(
    layout: str, anchor: Any, size: tuple[int, int], mean: tuple[float]
) -> None:
    spec = ImageInput(size=(40, 32), resize="letterbox", anchor=anchor, color="bgr", pad=77, mean=mean)
    frame = picture(*size)
    ratio = min(40 / size[0], 32 / size[1])
    width, height = int(size[0] * ratio), int(size[1] * ratio)
    x, y = ((40 - width) // 2, (32 - height) // 2) if anchor == "center" else (0, 0)
    canvas = np.full((32, 40, 3), 77, np.uint8)
    canvas[y : y + height, x : x + width] = cv2.resize(frame, (width, height))
    tensor = ImagePreprocessor(spec, info(spec, layout))(frame).tensor
    assert np.array_equal(tensor, plain(spec, canvas, layout))


def test_gray_letterbox_pads_too() -> None:
    spec = ImageInput(size=(20, 20), resize="letterbox", color="gray", pad=9)
    tensor = ImagePreprocessor(spec, info(spec, "nhwc"))(picture(40, 20)).tensor
    assert tensor.shape == (1, 20, 20, 1)
    assert (tensor[0, :5] == 9).all()
    assert (tensor[0, 15:] == 9).all()


def test_letterbox_agrees_with_the_way_yolox_is_scored() -> None:
    """The reference resizes with Pillow, which smooths where OpenCV samples: a smooth picture fits both."""
    y, x = np.mgrid[0:333, 0:500]
    frame = np.stack((x // 2, y // 2, (x + y) // 4), axis=-1).astype(np.uint8)
    ratio = min(416 / 500, 416 / 333)
    resized = Image.fromarray(frame[:, :, ::-1]).resize(
        (int(500 * ratio), int(333 * ratio)), Image.Resampling.BILINEAR
    )
    expected = np.full((416, 416, 3), 114, np.float32)
    expected[: resized.height, : resized.width] = np.asarray(resized, np.float32)[:, :, ::-1]
    spec = ImageInput(size=(416, 416), color="bgr", resize="letterbox", anchor="top-left", pad=114)
    tensor = ImagePreprocessor(spec, info(spec, "nchw"))(frame).tensor
    assert np.abs(tensor[0] - expected.transpose(2, 0, 1)).max() <= 1.0


def test_center_crop_cuts_the_middle_of_the_resized_picture() -> None:
    spec = ImageInput(size=(16, 16), color="bgr", resize="center-crop", short_side=20)
    frame = picture(60, 40)
    whole = cv2.resize(frame, (30, 20))
    tensor = ImagePreprocessor(spec, info(spec, "nhwc"))(frame).tensor
    assert np.array_equal(tensor, plain(spec, whole[2:18, 7:23], "nhwc"))


def test_center_crop_of_a_picture_of_that_size_does_not_resize() -> None:
    spec = ImageInput(size=(224, 224), color="bgr", resize="center-crop", short_side=256)
    frame = picture(256, 256)
    tensor = ImagePreprocessor(spec, info(spec, "nhwc"))(frame).tensor
    assert np.array_equal(tensor, plain(spec, frame[16:240, 16:240], "nhwc"))


@pytest.mark.parametrize(
    ("name", "flag"),
    [
        ("nearest", cv2.INTER_NEAREST),
        ("bilinear", cv2.INTER_LINEAR),
        ("bicubic", cv2.INTER_CUBIC),
        ("area", cv2.INTER_AREA),
    ],
)
def test_each_interpolation_is_opencvs(name: Any, flag: int) -> None:
    spec = ImageInput(size=(17, 13), color="bgr", interpolation=name)
    frame = picture(50, 40)
    expected = cv2.resize(frame, (17, 13), interpolation=flag)
    tensor = ImagePreprocessor(spec, info(spec, "nhwc"))(frame).tensor
    assert np.array_equal(tensor, plain(spec, expected, "nhwc"))


def test_tensors_of_two_frames_do_not_share_memory() -> None:
    spec = ImageInput(size=(8, 8))
    preprocess = ImagePreprocessor(spec, info(spec, "nchw"))
    first = preprocess(picture(8, 8, seed=1)).tensor
    kept = first.copy()
    second = preprocess(picture(8, 8, seed=2)).tensor
    assert np.array_equal(first, kept)
    assert not np.shares_memory(first, second)


def test_the_frame_is_left_alone_and_never_handed_on() -> None:
    spec = ImageInput(size=(8, 8), color="bgr")
    frame = picture(8, 8)
    before = frame.copy()
    tensor = ImagePreprocessor(spec, TensorInfo(name="x", dtype="uint8", shape=(1, 8, 8, 3)))(frame).tensor
    assert np.array_equal(tensor[0], frame)
    assert not np.shares_memory(tensor, frame)
    assert np.array_equal(frame, before)


def test_a_change_of_the_frame_size_changes_the_way_back() -> None:
    spec = ImageInput(size=(10, 10))
    preprocess = ImagePreprocessor(spec, info(spec, "nchw"))
    scales = []
    for width in (20, 40, 20):
        geometry = preprocess(picture(width, 10)).geometry
        assert geometry is not None
        scales.append(geometry.scale_x)
    assert scales == [2.0, 4.0, 2.0]


def test_a_strided_frame_is_read_in_its_own_order() -> None:
    spec = ImageInput(size=(10, 10), color="bgr")
    frame = picture(20, 20)[::2, ::2]
    tensor = ImagePreprocessor(spec, info(spec, "nchw"))(frame).tensor
    assert np.array_equal(tensor, plain(spec, frame, "nchw"))


@pytest.mark.parametrize(
    "frame",
    [
        np.zeros((8, 8), np.uint8),
        np.zeros((8, 8, 4), np.uint8),
        np.zeros((0, 8, 3), np.uint8),
        np.zeros((8, 8, 3), np.float32),
    ],
    ids=["gray", "alpha", "empty", "floats"],
)
def test_other_arrays_are_refused(frame: Array) -> None:
    spec = ImageInput(size=(8, 8))
    with pytest.raises(DataError, match="a picture of"):
        ImagePreprocessor(spec, info(spec, "nchw"))(frame)


@pytest.mark.parametrize(
    ("shape", "layout"),
    [
        ((1, 3, 8, 6), "nchw"),
        ((1, 8, 6, 3), "nhwc"),
        ((-1, 3, -1, -1), "nchw"),
        ((-1, -1, -1, 3), "nhwc"),
        ((-1, 3, 8, 6), "nchw"),
    ],
)
def test_the_layout_follows_from_the_shape(shape: tuple[int, ...], layout: str) -> None:
    tensor = TensorInfo(name="x", dtype="float32", shape=shape)
    assert find_layout(ImageInput(size=(6, 8)), tensor) == layout


@pytest.mark.parametrize("shape", [(1, 3, 6, 8), (1, 1, 8, 6), (8, 6, 3), (2, 3, 8, 6), (1, 48), ()])
def test_a_tensor_that_cannot_hold_the_picture_is_refused(shape: tuple[int, ...]) -> None:
    tensor = TensorInfo(name="x", dtype="float32", shape=shape)
    with pytest.raises(ModelError, match="cannot hold 6 x 8 pixels with 3 channels"):
        find_layout(ImageInput(size=(6, 8)), tensor)


def test_a_layout_that_is_said_has_to_be_true() -> None:
    tensor = TensorInfo(name="x", dtype="float32", shape=(1, 3, 8, 6))
    with pytest.raises(ModelError, match=r"\(nhwc\)"):
        find_layout(ImageInput(size=(6, 8), layout="nhwc"), tensor)


def test_a_gray_picture_may_go_without_a_channel_axis() -> None:
    spec = ImageInput(size=(6, 8), color="gray")
    tensor = TensorInfo(name="x", dtype="float32", shape=(1, 8, 6))
    assert ImagePreprocessor(spec, tensor)(picture(6, 8)).tensor.shape == (1, 8, 6)


def test_open_dimensions_take_the_specified_size() -> None:
    spec = ImageInput(size=(6, 8))
    tensor = TensorInfo(name="x", dtype="float32", shape=(-1, 3, -1, -1))
    assert ImagePreprocessor(spec, tensor)(picture(12, 12)).tensor.shape == (1, 3, 8, 6)


def test_other_input_types_are_refused() -> None:
    spec = ImageInput(size=(6, 8))
    tensor = TensorInfo(name="x", dtype="int64", shape=(1, 3, 8, 6))
    with pytest.raises(ModelError, match="is int64; images go into float32, int8, uint8"):
        ImagePreprocessor(spec, tensor)


def test_without_opencv_the_hint_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    spec = ImageInput(size=(6, 8))
    monkeypatch.setitem(sys.modules, "cv2", None)
    for name in ("edgeinfer.processing.image", "edgeinfer.opencv"):
        monkeypatch.delitem(sys.modules, name, raising=False)
    with pytest.raises(MissingRuntimeError) as caught:
        build_preprocessor(spec, info(spec, "nchw"))
    assert caught.value.hint == "pip install 'edgeinfer[camera]'"
