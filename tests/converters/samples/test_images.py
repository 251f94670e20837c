"""Image folders: order, classes, labels.csv, and files that are no images."""

from __future__ import annotations

import logging
import struct
import zlib
from pathlib import Path

import cv2
import numpy as np
import pytest

from edgeinfer.errors import DataError
from edgeinfer.processing.preprocess import build_preprocessor
from edgeinfer_converters.samples import open_samples
from tests.fixtures.data import (
    IMAGE_TENSOR,
    IMAGE_TOML,
    image_request,
    picture,
    pipeline,
    window_request,
    write_classes,
    write_images,
)


def test_flat_folder_is_read_in_sorted_order(tmp_path: Path) -> None:
    write_images(tmp_path, 3)
    (tmp_path / "notes.txt").write_text("no image")
    samples = open_samples(tmp_path, image_request())
    assert [Path(sample.name).name for sample in samples] == ["00.png", "01.png", "02.png"]
    assert samples.kind == "images"
    assert not samples.labelled


def test_samples_are_what_the_device_would_compute(tmp_path: Path) -> None:
    (path,) = write_images(tmp_path, 1)
    (sample,) = open_samples(tmp_path, image_request())
    frame = cv2.imread(str(path))
    assert frame is not None
    wanted = build_preprocessor(pipeline(IMAGE_TOML).input[0], IMAGE_TENSOR)(frame)
    np.testing.assert_array_equal(sample.inputs["image"], wanted.tensor)
    assert sample.inputs["image"].shape == (1, 3, 16, 16)
    assert sample.geometry == wanted.geometry


def test_subfolders_are_classes_in_the_order_of_the_labels(tmp_path: Path) -> None:
    write_classes(tmp_path, 2)
    samples = open_samples(tmp_path, image_request("evaluation", labels=("owl", "dog", "cat")))
    assert [sample.truth for sample in samples] == [2, 2, 1, 1, 0, 0]
    assert samples.labelled


def test_subfolders_without_a_labels_file_are_numbered_by_name(tmp_path: Path) -> None:
    write_classes(tmp_path, 1)
    samples = open_samples(tmp_path, image_request("evaluation", labels=()))
    assert [sample.truth for sample in samples] == [0, 1, 2]


def test_subfolders_may_be_class_numbers(tmp_path: Path) -> None:
    write_classes(tmp_path, 1, names=("0", "2"))
    samples = open_samples(tmp_path, image_request("evaluation"))
    assert [sample.truth for sample in samples] == [0, 2]


def test_calibration_does_not_look_at_class_names(tmp_path: Path) -> None:
    write_classes(tmp_path, 1, names=("anything", "else"))
    assert [sample.truth for sample in open_samples(tmp_path, image_request())] == [None, None]


def test_an_unknown_class_folder_is_named(tmp_path: Path) -> None:
    write_classes(tmp_path, 1, names=("cat", "wolf"))
    with pytest.raises(DataError, match="wolf: unknown label `wolf`"):
        open_samples(tmp_path, image_request("evaluation"))


@pytest.mark.parametrize("subfolder", [".", "images"])
@pytest.mark.parametrize("column", ["label", "class_index"])
def test_labels_csv(tmp_path: Path, subfolder: str, column: str) -> None:
    write_images(tmp_path / subfolder, 3)
    (tmp_path / "labels.csv").write_text(f"file,{column},other\n02.png,dog,x\n00.png,2,y\n")
    samples = open_samples(tmp_path, image_request("evaluation"))
    assert [(Path(s.name).name, s.truth) for s in samples] == [("02.png", 1), ("00.png", 2)]
    again = open_samples(tmp_path / "labels.csv", image_request("evaluation"))
    assert [sample.truth for sample in again] == [1, 2]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("path,label\n00.png,cat\n", "needs the columns `file` and `label`, and has path, label"),
        ("file,kind\n00.png,cat\n", "needs the columns"),
        ("file,label\n", "needs the columns"),
        ("file,label\n09.png,cat\n", "line 2: there is no image `09.png`"),
        ("file,label\n00.png,cat\n00.png,wolf\n", "line 3: unknown label `wolf`"),
        ("file,label\n00.png\n", "line 2: unknown label ``"),
        ('file,label\n"00.png,cat\n', "not a readable CSV file"),
    ],
)
def test_bad_labels_csv(tmp_path: Path, text: str, message: str) -> None:
    write_images(tmp_path, 1)
    (tmp_path / "labels.csv").write_text(text)
    with pytest.raises(DataError, match=message):
        open_samples(tmp_path, image_request("evaluation"))


def test_labels_csv_that_is_not_text(tmp_path: Path) -> None:
    (tmp_path / "labels.csv").write_bytes(b"file,label\n\xff\xfe,cat\n")
    with pytest.raises(DataError, match="not a readable CSV"):
        open_samples(tmp_path, image_request("evaluation"))


def test_unreadable_images_are_named_and_skipped(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    paths = write_images(tmp_path, 20)
    paths[3].write_bytes(b"not an image")
    paths[7].write_bytes(b"")
    samples = open_samples(tmp_path, image_request())
    with caplog.at_level(logging.WARNING):
        assert len(list(samples)) == 18
        assert len(list(samples)) == 18
    # Once for each file, however often the data are read.
    assert [record.getMessage().split(":")[0] for record in caplog.records] == [str(paths[3]), str(paths[7])]


def test_more_than_a_tenth_unreadable_is_an_error(tmp_path: Path) -> None:
    paths = write_images(tmp_path, 20)
    for path in paths[5:8]:
        path.write_bytes(b"\x89PNG broken")
    with pytest.raises(DataError, match=r"more than a tenth .*3 of 20 so far: 05.png, 06.png, 07.png"):
        list(open_samples(tmp_path, image_request()))


def test_long_lists_of_unreadable_files_are_cut(tmp_path: Path) -> None:
    for path in write_images(tmp_path, 60):
        path.write_bytes(b"x")
    with pytest.raises(DataError, match=r"04.png, …\)"):
        list(open_samples(tmp_path, image_request()))


def test_the_digest_is_of_what_is_used(tmp_path: Path) -> None:
    write_images(tmp_path, 20)
    samples = open_samples(tmp_path, image_request())
    part = samples.limit(5, 0)
    before = samples.digest(), part.digest()
    unused = next(k for k in range(20) if k not in part.chosen)
    (tmp_path / f"{unused:02}.png").write_bytes(b"changed")
    assert samples.digest() != before[0]
    assert part.digest() == before[1]


def test_an_empty_folder(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="there are no images"):
        open_samples(tmp_path, image_request())


def test_images_for_a_pipeline_of_windows(tmp_path: Path) -> None:
    write_images(tmp_path, 1)
    with pytest.raises(DataError, match="holds images, and the pipeline takes windows of sensor rows"):
        open_samples(tmp_path, window_request())


def test_gray_files_become_colour(tmp_path: Path) -> None:
    assert cv2.imwrite(str(tmp_path / "gray.png"), picture(0)[..., 0])
    (sample,) = open_samples(tmp_path, image_request())
    assert sample.inputs["image"].shape == (1, 3, 16, 16)


def test_an_image_of_too_many_pixels_is_skipped(tmp_path: Path) -> None:
    # OpenCV raises for these, where it gives nothing for other files that it cannot decode.
    write_images(tmp_path, 10)
    (tmp_path / "bomb.png").write_bytes(png_header(20_000, 20_000))
    assert len(list(open_samples(tmp_path, image_request()))) == 10


def png_header(width: int, height: int) -> bytes:
    """A PNG that claims a size and ends there."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    size = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", size) + chunk(b"IDAT", zlib.compress(b"")) + chunk(b"IEND", b"")
    )


@pytest.mark.parametrize("name", ["{outside}/00.png", "../outside/00.png", "a/../../outside/00.png"])
def test_a_listing_names_no_files_of_others(tmp_path: Path, name: str) -> None:
    write_images(tmp_path / "outside", 1)
    folder = tmp_path / "data"
    (folder / "a").mkdir(parents=True)
    (folder / "labels.csv").write_text(f"file,label\n{name.format(outside=tmp_path / 'outside')},cat\n")
    with pytest.raises(DataError, match="not in the folder of the data"):
        open_samples(folder, image_request())


def test_a_link_in_the_folder_is_the_user_s_own_choice(tmp_path: Path) -> None:
    (outside,) = write_images(tmp_path / "outside", 1)
    folder = tmp_path / "data"
    folder.mkdir()
    (folder / "linked.png").symlink_to(outside)
    (folder / "labels.csv").write_text("file,label\nlinked.png,cat\n")
    assert len(open_samples(folder, image_request())) == 1


def test_a_name_that_no_file_can_have(tmp_path: Path) -> None:
    (tmp_path / "labels.csv").write_text(f"file,label\n{'a' * 5000}.png,cat\n")
    with pytest.raises(DataError, match="there is no image") as caught:
        open_samples(tmp_path, image_request())
    assert len(caught.value.message) < 600
