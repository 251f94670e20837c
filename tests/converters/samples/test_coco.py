"""COCO folders."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from edgeinfer.errors import DataError
from edgeinfer_converters.samples import TruthBox, open_samples
from tests.fixtures.data import DETECTION_TOML, image_request, write_coco, write_images

LABELS = ("cat", "dog")


def test_boxes_are_matched_to_labels_by_name(tmp_path: Path) -> None:
    write_coco(tmp_path, 2)
    samples = open_samples(tmp_path, image_request("evaluation", labels=LABELS, text=DETECTION_TOML))
    assert samples.kind == "coco"
    assert samples.labelled
    truths = [sample.truth for sample in samples]
    # The yeti is no class of the model; the area is computed where the file leaves it out.
    assert truths == [
        (TruthBox(1, (1.0, 2.0, 6.0, 5.0), 30.0, crowd=False),),
        (TruthBox(1, (1.0, 2.0, 7.0, 5.0), 35.0, crowd=False),),
    ]


def test_the_digest_knows_the_boxes(tmp_path: Path) -> None:
    write_coco(tmp_path, 1)
    request = image_request("evaluation", labels=LABELS, text=DETECTION_TOML)
    before = open_samples(tmp_path, request).digest()
    _change(tmp_path, annotations=[])
    assert open_samples(tmp_path, request).digest() != before


def test_the_file_itself_may_be_named(tmp_path: Path) -> None:
    write_coco(tmp_path, 1)
    request = image_request("evaluation", labels=LABELS, text=DETECTION_TOML)
    assert len(open_samples(tmp_path / "instances.json", request)) == 1


def test_without_labels_categories_are_numbers(tmp_path: Path) -> None:
    write_coco(tmp_path, 1)
    (sample,) = open_samples(tmp_path, image_request("evaluation", labels=(), text=DETECTION_TOML))
    assert isinstance(sample.truth, tuple)
    assert [box.label for box in sample.truth if isinstance(box, TruthBox)] == [7, 9]


def test_an_image_without_boxes_is_labelled_too(tmp_path: Path) -> None:
    write_coco(tmp_path, 1)
    _change(tmp_path, annotations=[])
    samples = open_samples(tmp_path, image_request("evaluation", labels=LABELS, text=DETECTION_TOML))
    assert samples.labelled
    assert next(iter(samples)).truth == ()


@pytest.mark.parametrize("name", ["{outside}/00.png", "../../outside/00.png", "a" * 5000])
def test_a_listing_names_no_files_of_others(tmp_path: Path, name: str) -> None:
    write_images(tmp_path / "outside", 1)
    write_coco(tmp_path / "data", 1)
    file = name.format(outside=tmp_path / "outside")
    _change(tmp_path / "data", images=[{"id": 10, "file_name": file}])
    with pytest.raises(DataError, match=r"not in the folder of the data|there is no image"):
        open_samples(tmp_path / "data", image_request(labels=LABELS))


def test_images_serve_to_calibrate_other_tasks(tmp_path: Path) -> None:
    write_coco(tmp_path, 2)
    samples = open_samples(tmp_path, image_request())
    assert [sample.truth for sample in samples] == [None, None]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"images": None}, r"got `null` - at `\$.images`"),
        ({"images": [{"id": 1}]}, "missing required field `file_name`"),
        ({"images": [3]}, r"at `\$.images\[0\]`"),
        ({"images": [{"id": 1, "file_name": "gone.png"}]}, "there is no image `gone.png`"),
        ({"annotations": [{"image_id": 1, "category_id": 7, "bbox": [1, 2, 3]}]}, "length 4"),
        ({"annotations": [{"image_id": "a", "category_id": 7, "bbox": [1, 2, 3, 4]}]}, "image_id"),
        ({"categories": [{"id": 7, "name": "whale"}]}, r"none of its categories \(whale, …\)"),
    ],
)
def test_bad_instances(tmp_path: Path, change: dict[str, Any], message: str) -> None:
    write_coco(tmp_path, 1)
    _change(tmp_path, **change)
    with pytest.raises(DataError, match=message):
        open_samples(tmp_path, image_request("evaluation", labels=LABELS, text=DETECTION_TOML))


@pytest.mark.parametrize("data", [b"", b"[]", b"{", b'{"images": 1}', b"\xff"])
def test_not_an_instances_file(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "instances.json").write_bytes(data)
    with pytest.raises(DataError, match=r"instances\.json"):
        open_samples(tmp_path, image_request(text=DETECTION_TOML))


def _change(folder: Path, **fields: Any) -> None:
    path = folder / "instances.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | fields))
