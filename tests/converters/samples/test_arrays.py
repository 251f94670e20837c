"""Arrays of a .npz: what fits, what does not, and that one sample at a time is read."""

from __future__ import annotations

import io
import tracemalloc
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgeinfer.errors import DataError
from edgeinfer.frames import TensorInfo
from edgeinfer.processing.preprocess import Geometry
from edgeinfer_converters.samples import Request, open_samples
from tests.fixtures.data import DETECTION_TOML, IMAGE_TOML, image_request, pipeline, window_request
from tests.fixtures.npz import forge

REGRESSION = """
[model]
name = "heat"
version = "1.0.0"
task = "regression"
[[input]]
kind = "tensor"
[output]
names = ["temperature", "pressure"]
"""


def images(count: int) -> np.ndarray:
    return np.random.default_rng(0).normal(0, 1, (count, 3, 16, 16)).astype(np.float32)


@pytest.mark.parametrize("compressed", [False, True])
@pytest.mark.parametrize("name", ["image", "anything"])
@pytest.mark.parametrize("batch_axis", [False, True])
def test_samples_are_the_arrays_rows(
    tmp_path: Path, *, compressed: bool, name: str, batch_axis: bool
) -> None:
    array = images(5)
    save = np.savez_compressed if compressed else np.savez
    arrays: dict[str, Any] = {name: array[:, None] if batch_axis else array}
    save(tmp_path / "cal.npz", **arrays)
    samples = open_samples(tmp_path / "cal.npz", image_request())
    assert samples.kind == "arrays"
    assert len(samples) == 5
    np.testing.assert_array_equal(np.concatenate([s.inputs["image"] for s in samples]), array)


def test_chosen_rows_only(tmp_path: Path) -> None:
    array = images(9)
    np.savez(tmp_path / "cal.npz", image=array)
    source = open_samples(tmp_path / "cal.npz", image_request()).source
    found = [sample.inputs["image"][0] for sample in source.read((1, 4, 8))]
    np.testing.assert_array_equal(found, array[[1, 4, 8]])


def test_boxes_of_preprocessed_images_are_in_pixels_of_the_input(tmp_path: Path) -> None:
    np.savez(tmp_path / "cal.npz", image=images(1))
    (sample,) = open_samples(tmp_path / "cal.npz", image_request(text=DETECTION_TOML))
    assert sample.geometry == Geometry(1.0, 1.0, 0.0, 0.0, 16, 16)
    np.savez(tmp_path / "w.npz", x=np.zeros((1, 8, 2), np.float32))
    assert next(iter(open_samples(tmp_path / "w.npz", window_request()))).geometry is None


def test_each_input_has_its_array(tmp_path: Path) -> None:
    tensors = tuple(TensorInfo(name=name, dtype="float32", shape=(-1, 2)) for name in ("a", "b"))
    np.savez(tmp_path / "two.npz", b=np.ones((3, 2), np.float32), a=np.zeros((3, 2), np.float32))
    samples = open_samples(tmp_path / "two.npz", Request(pipeline(REGRESSION), tensors, (), "calibration"))
    for sample in samples:
        assert sample.inputs["a"].sum() == 0
        assert sample.inputs["b"].sum() == 2


@pytest.mark.parametrize(
    "shape",
    [f"(1, {2**70})", f"({2**70}, 3)", f"(1, {2**32}, {2**32})", "(10**12, 0)", "(True, 2)", "-" * 5000],
)
def test_a_header_that_lies_is_an_expected_failure(tmp_path: Path, shape: str) -> None:
    with pytest.raises(DataError, match=r"cal\.npz"):
        open_samples(forge(tmp_path / "cal.npz", shape), image_request())


def test_samples_of_nothing_are_refused_however_many(tmp_path: Path) -> None:
    # The file takes 200 bytes, a list of its samples all memory.
    open_shape = TensorInfo(name="x", dtype="float32", shape=(1, -1))
    path = forge(tmp_path / "cal.npz", f"({10**12}, 0)")
    with pytest.raises(DataError, match="holds nothing"):
        open_samples(path, Request(pipeline(REGRESSION), (open_shape,), (), "calibration"))


def test_class_labels(tmp_path: Path) -> None:
    np.savez(tmp_path / "test.npz", image=images(3), labels=np.array([2, 0, 1], np.int64))
    samples = open_samples(tmp_path / "test.npz", image_request("evaluation"))
    assert samples.labelled
    assert [sample.truth for sample in samples] == [2, 0, 1]
    assert not open_samples(tmp_path / "test.npz", image_request()).labelled


def test_anomaly_labels_may_be_booleans(tmp_path: Path) -> None:
    np.savez(tmp_path / "test.npz", x=np.zeros((2, 8, 2), np.float32), labels=np.array([True, False]))
    samples = open_samples(tmp_path / "test.npz", window_request("evaluation"))
    assert [sample.truth for sample in samples] == [1, 0]


def test_regression_targets(tmp_path: Path) -> None:
    tensor = TensorInfo(name="x", dtype="float32", shape=(1, 2))
    targets = np.array([[1.5, 2.0], [3.0, 4.0]])
    np.savez(tmp_path / "test.npz", x=np.zeros((2, 2), np.float32), labels=targets)
    samples = open_samples(tmp_path / "test.npz", Request(pipeline(REGRESSION), (tensor,), (), "evaluation"))
    assert [sample.truth for sample in samples] == [(1.5, 2.0), (3.0, 4.0)]


NAN = images(3)
NAN[1, 0, 0, 0] = np.nan
INFINITE = images(3)
INFINITE[2, 0, 0, 0] = -np.inf


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"image": images(2).astype(np.float64)}, "is float64, the model's input `image` is float32"),
        ({"image": images(2).astype(np.uint8)}, "is uint8"),
        ({"image": images(2)[:, :2]}, r"shape \(2, 2, 16, 16\), the model's .* needs \(samples, 3, 16, 16\)"),
        ({"image": images(1)[0]}, r"needs \(samples, 3, 16, 16\)"),
        ({"image": images(2).transpose(0, 2, 3, 1).copy()}, r"shape \(2, 16, 16, 3\)"),
        ({"a": images(2), "b": images(2)}, "no array for the model's input `image`; it holds `a`, `b`"),
        ({}, "holds none"),
        ({"image": images(0)}, "there are no samples"),
        ({"image": np.float32(1)}, "is not as long as its header says"),
        ({"image": np.array([{}], dtype=object)}, "pickled objects"),
        ({"image": np.asfortranarray(images(2))}, "Fortran order"),
        ({"image": images(2), "labels": np.array([1])}, "`labels` has 1 entries for 2 samples"),
        ({"image": images(2), "labels": np.array([1, 3])}, "`labels` holds 3; classes are numbered 0 to 2"),
        ({"image": images(2), "labels": np.array([1, -1])}, "`labels` holds -1"),
        ({"image": images(2), "labels": np.array([1.0, 2.0])}, "one class number a sample, not float64"),
        ({"image": images(2), "labels": np.zeros((2, 2), int)}, "one class number a sample"),
    ],
)
def test_bad_arrays(tmp_path: Path, arrays: dict[str, Any], message: str) -> None:
    np.savez(tmp_path / "bad.npz", **arrays)
    with pytest.raises(DataError, match=message):
        open_samples(tmp_path / "bad.npz", image_request("evaluation"))


@pytest.mark.parametrize(("array", "number"), [(NAN, 1), (INFINITE, 2)])
def test_nan_and_infinity_are_found_when_read(tmp_path: Path, array: np.ndarray, number: int) -> None:
    np.savez(tmp_path / "bad.npz", image=array)
    with pytest.raises(DataError, match=f"sample {number}: holds NaN or infinity"):
        list(open_samples(tmp_path / "bad.npz", image_request()))


def test_infinite_regression_targets(tmp_path: Path) -> None:
    tensor = TensorInfo(name="x", dtype="float32", shape=(1, 2))
    np.savez(tmp_path / "t.npz", x=np.zeros((2, 2), np.float32), labels=np.array([[1.0, np.inf], [0, 0]]))
    with pytest.raises(DataError, match="`labels`: holds NaN"):
        open_samples(tmp_path / "t.npz", Request(pipeline(REGRESSION), (tensor,), (), "evaluation"))


def test_different_numbers_of_samples(tmp_path: Path) -> None:
    tensors = tuple(TensorInfo(name=name, dtype="float32", shape=(1, 2)) for name in ("a", "b"))
    np.savez(tmp_path / "two.npz", a=np.ones((3, 2), np.float32), b=np.zeros((4, 2), np.float32))
    with pytest.raises(DataError, match=r"different numbers of samples: \[3, 4\]"):
        open_samples(tmp_path / "two.npz", Request(pipeline(REGRESSION), tensors, (), "calibration"))


def test_boxes_do_not_fit(tmp_path: Path) -> None:
    np.savez(tmp_path / "d.npz", image=images(2), labels=np.zeros(2, int))
    with pytest.raises(DataError, match="boxes do not fit"):
        open_samples(tmp_path / "d.npz", image_request("evaluation", text=DETECTION_TOML))


def test_a_header_that_promises_more_than_there_is(tmp_path: Path) -> None:
    stream = io.BytesIO()
    np.lib.format.write_array_header_1_0(
        stream, {"descr": "<f4", "fortran_order": False, "shape": (10**9, 3, 16, 16)}
    )
    with zipfile.ZipFile(tmp_path / "bomb.npz", "w") as archive:
        archive.writestr("image.npy", stream.getvalue() + b"\0" * 100)
    with pytest.raises(DataError, match="not as long as its header says"):
        open_samples(tmp_path / "bomb.npz", image_request())


def test_a_sample_that_is_too_large_for_any_model(tmp_path: Path) -> None:
    stream = io.BytesIO()
    np.lib.format.write_array_header_1_0(
        stream, {"descr": "<f4", "fortran_order": False, "shape": (0, 2**27)}
    )
    with zipfile.ZipFile(tmp_path / "wide.npz", "w") as archive:
        archive.writestr("image.npy", stream.getvalue())
    with pytest.raises(DataError, match="takes more than"):
        open_samples(tmp_path / "wide.npz", image_request())


@given(data=st.binary(max_size=200))
def test_random_bytes(tmp_path_factory: pytest.TempPathFactory, data: bytes) -> None:
    path = tmp_path_factory.mktemp("random") / "random.npz"
    path.write_bytes(data)
    with pytest.raises(DataError, match=r"not a readable .npz file"):
        open_samples(path, image_request())


@given(data=st.data())
def test_a_damaged_archive_is_an_error_or_the_same_numbers(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    stream = io.BytesIO()
    array = images(2)
    np.savez_compressed(stream, image=array)
    damaged = bytearray(stream.getvalue())
    place = data.draw(st.integers(0, len(damaged) - 1))
    damaged[place] ^= data.draw(st.integers(1, 255))
    path = tmp_path_factory.mktemp("damaged") / "damaged.npz"
    path.write_bytes(damaged)
    try:
        found = [sample.inputs["image"][0] for sample in open_samples(path, image_request())]
    except DataError:
        return
    np.testing.assert_array_equal(found, array)


def test_memory_is_that_of_one_sample(tmp_path: Path) -> None:
    np.savez(tmp_path / "cal.npz", image=np.zeros((2000, 3, 16, 16), np.float32))
    samples = open_samples(tmp_path / "cal.npz", image_request(text=IMAGE_TOML))
    tracemalloc.start()
    try:
        for _ in samples:
            pass
        peak_bytes = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak_bytes < 500_000  # the whole array has six million
