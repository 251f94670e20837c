"""The drawn pictures: deterministic, labelled, varied, and with their faults where they are said to be."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from scripts.parts.draw import (
    LABELS,
    NO_PART,
    SPLIT_SEEDS,
    Split,
    contact_sheet,
    cut_beyond,
    draw,
    faults,
    label_of,
    whole_within,
    write_images,
)
from scripts.parts.scene import HEIGHT, WIDTH

SPLITS: tuple[Split, ...] = tuple(SPLIT_SEEDS)


@pytest.mark.parametrize("index", range(len(LABELS)))
def test_a_picture_is_the_same_whenever_it_is_drawn(index: int) -> None:
    first, label = draw("evaluate", index)
    draw("evaluate", index + 1)
    again, _ = draw("evaluate", index)
    assert label == LABELS[index]
    assert first.shape == (HEIGHT, WIDTH, 3)
    assert first.dtype == np.uint8
    assert np.array_equal(first, again)


def test_splits_have_their_own_seeds_and_share_no_picture() -> None:
    assert len(set(SPLIT_SEEDS.values())) == len(SPLITS)
    pictures = {draw(split, index)[0].tobytes() for split in SPLITS for index in range(6)}
    assert len(pictures) == 6 * len(SPLITS)


def test_labels_take_turns_so_that_every_class_is_as_frequent() -> None:
    labels = [label_of(index) for index in range(40)]
    assert {label: labels.count(label) for label in LABELS} == dict.fromkeys(LABELS, 10)


def test_good_gears_and_empty_belts_have_no_faults() -> None:
    for index in range(40):
        if label_of(index) == "good":
            assert faults("train", index) == []


def test_faults_are_those_of_the_label_and_inside_the_frame() -> None:
    for index in range(80):
        found = faults("train", index)
        if label_of(index) not in ("good", NO_PART):
            assert found
            assert {condition for condition, _, _ in found} == {label_of(index)}
        assert all(0 <= x < WIDTH and 0 <= y < HEIGHT for _, x, y in found)


def test_a_gear_between_whole_and_cut_is_neither() -> None:
    for radius in (104.0, 124.0):
        assert 0 < whole_within(radius) < cut_beyond(radius) < WIDTH / 2 + radius


def test_light_and_place_vary() -> None:
    means = [float(draw("heldout", index)[0].mean()) for index in range(0, 40, 4)]
    assert max(means) > 1.3 * min(means)


def test_a_folder_of_pictures_has_labels_and_the_very_pixels(tmp_path: Path) -> None:
    assert list(write_images(tmp_path / "set", "calibration", 5, workers=1)) == [1, 2, 3, 4, 5]
    rows = (tmp_path / "set" / "labels.csv").read_text(encoding="utf-8").splitlines()
    assert rows[0] == "file,label"
    assert [row.split(",")[1] for row in rows[1:]] == [*LABELS, LABELS[0]]
    for index, row in enumerate(rows[1:]):
        read = cv2.imread(str(tmp_path / "set" / row.split(",")[0]))
        assert read is not None
        assert np.array_equal(read, draw("calibration", index)[0])


def test_the_sheet_has_a_row_for_each_label() -> None:
    assert contact_sheet(2, scale=0.25).shape == (len(LABELS) * HEIGHT // 4, 2 * WIDTH // 4, 3)
