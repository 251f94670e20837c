"""The seam: choosing a reader, limits, splits and digests."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgeinfer.errors import DataError
from edgeinfer_converters.samples import MAX_HELD_OUT, OPENERS, Samples, open_samples
from edgeinfer_converters.samples.arrays import ArrayFile, Member
from edgeinfer_converters.samples.sample import SampleSource, check_finite, class_index
from tests.fixtures.data import (
    IMAGE_TENSOR,
    image_request,
    window_request,
    write_coco,
    write_images,
    write_table,
    write_video,
)


def of_each_kind(folder: Path) -> dict[str, Samples]:
    write_images(folder / "images", 3)
    write_coco(folder / "coco", 3)
    write_table(folder / "table.csv", 16)
    write_video(folder / "clip.avi", 3)
    np.savez(folder / "arrays.npz", image=np.zeros((3, 3, 16, 16), np.float32))
    return {
        "arrays": open_samples(folder / "arrays.npz", image_request()),
        "coco": open_samples(folder / "coco", image_request()),
        "images": open_samples(folder / "images", image_request()),
        "table": open_samples(folder / "table.csv", window_request()),
        "video": open_samples(folder / "clip.avi", image_request()),
    }


def test_contract_of_every_kind(tmp_path: Path) -> None:
    found = of_each_kind(tmp_path)
    assert found.keys() == OPENERS.keys()
    for kind, samples in found.items():
        assert samples.kind == kind
        source: SampleSource = samples.source
        assert len(source) == len(samples) == 3
        assert all(path.is_file() for path in source.files((0, 2)))
        first, second = list(samples), list(samples)
        assert [one.name for one in first] == [one.name for one in second]
        for one, other in zip(first, second, strict=True):
            for name, array in one.inputs.items():
                np.testing.assert_array_equal(array, other.inputs[name])
                assert array.shape[0] == 1
                assert array.flags.c_contiguous
        assert [one.name for one in source.read((1,))] == [first[1].name]
        assert list(source.read(())) == []


def test_every_opener_is_there() -> None:
    for module in OPENERS.values():
        assert callable(import_module(module).open_source)


@pytest.mark.parametrize(
    ("name", "message"),
    [("gone", "no such file or folder"), ("model.onnx", "not a kind of data")],
)
def test_what_cannot_be_opened(tmp_path: Path, name: str, message: str) -> None:
    (tmp_path / "model.onnx").write_bytes(b"x")
    with pytest.raises(DataError, match=message):
        open_samples(tmp_path / name, image_request())


def many(count: int) -> Samples:
    member = Member("image", np.dtype(np.float32), (count, 3, 16, 16))
    return Samples("arrays", ArrayFile(Path("x.npz"), {IMAGE_TENSOR: member}, None), tuple(range(count)))


@given(count=st.integers(1, 700), most=st.integers(1, 700), seed=st.integers(0, 5))
def test_limit(count: int, most: int, seed: int) -> None:
    limited = many(count).limit(most, seed)
    assert len(limited) == min(count, most)
    assert list(limited.chosen) == sorted(set(limited.chosen))
    assert limited.chosen == many(count).limit(most, seed).chosen


def test_another_seed_is_another_choice() -> None:
    assert many(100).limit(10, 0).chosen != many(100).limit(10, 1).chosen


@given(count=st.integers(1, 2000), seed=st.integers(0, 5))
def test_split(count: int, seed: int) -> None:
    kept, held_out = many(count).split(seed)
    if count < 10:
        assert kept is held_out
        return
    assert sorted(kept.chosen + held_out.chosen) == list(range(count))
    assert 1 <= len(held_out) <= min(MAX_HELD_OUT, count // 5)


def test_the_digest_knows_names_and_contents_but_no_folders(tmp_path: Path) -> None:
    for name in ("a", "b/deeper"):
        write_images(tmp_path / name, 2)
    first = open_samples(tmp_path / "a", image_request()).digest()
    assert open_samples(tmp_path / "b" / "deeper", image_request()).digest() == first
    (tmp_path / "a" / "01.png").rename(tmp_path / "a" / "02.png")
    renamed = open_samples(tmp_path / "a", image_request()).digest()
    write_images(tmp_path / "a", 1, seed=5)
    assert len({first, renamed, open_samples(tmp_path / "a", image_request()).digest()}) == 3


def test_class_index_prefers_names_to_numbers() -> None:
    assert class_index("1", ("2", "1", "0"), "here") == 1
    assert class_index("0", ("a", "b"), "here") == 0
    assert class_index("12", (), "here") == 12


@pytest.mark.parametrize("text", ["c", "2", "-1", "²", "", "1.0"])
def test_class_index_refuses(text: str) -> None:
    with pytest.raises(DataError, match="here: unknown label"):
        class_index(text, ("a", "b"), "here")


def test_integers_are_always_finite() -> None:
    check_finite(np.array([1, 2]), "here")
    with pytest.raises(DataError, match="here: holds NaN"):
        check_finite(np.array([1.0, np.nan]), "here")
