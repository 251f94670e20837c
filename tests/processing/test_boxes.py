"""Suppression against the textbook's loop; boxes into the source frame."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgeinfer.errors import DataError
from edgeinfer.processing.boxes import Candidates, suppress, to_detection
from edgeinfer.processing.geometry import Geometry

# Sixteenths: areas and sums are exact, so both ways decide alike at the threshold.
corner = st.integers(0, 160).map(lambda number: number / 16)
box = st.tuples(corner, corner, corner, corner).map(lambda c: (c[0], c[1], c[0] + c[2], c[1] + c[3]))
candidate = st.tuples(box, st.integers(0, 20), st.integers(0, 2))


def candidates(rows: list[tuple[tuple[float, ...], int, int]]) -> Candidates:
    return Candidates(
        np.array([row[0] for row in rows], np.float64).reshape(-1, 4),
        np.array([row[1] / 20 for row in rows], np.float32),
        np.array([row[2] for row in rows], np.intp),
    )


def overlap(a: tuple[float, ...], b: tuple[float, ...]) -> float:
    width = max(0.0, min(a[2], b[2]) - max(a[0], b[0]))
    height = max(0.0, min(a[3], b[3]) - max(a[1], b[1]))
    union = (a[2] - a[0]) * (a[3] - a[1]) + (b[2] - b[0]) * (b[3] - b[1]) - width * height
    return width * height / union if union else 0.0


def textbook(rows: list[tuple[tuple[float, ...], int, int]], iou: float, limit: int) -> list[int]:
    kept: list[int] = []
    for index in sorted(range(len(rows)), key=lambda i: -rows[i][1]):
        same = [other for other in kept if rows[other][2] == rows[index][2]]
        if all(overlap(rows[index][0], rows[other][0]) <= iou for other in same):
            kept.append(index)
    return kept[:limit]


@given(st.lists(candidate, max_size=25), st.sampled_from([0.0, 0.25, 0.5, 1.0]), st.integers(1, 30))
def test_suppression_is_the_textbooks(
    rows: list[tuple[tuple[float, ...], int, int]], iou: float, limit: int
) -> None:
    assert suppress(candidates(rows), iou, limit).tolist() == textbook(rows, iou, limit)


def test_classes_do_not_suppress_each_other() -> None:
    rows: list[tuple[tuple[float, ...], int, int]] = [((0, 0, 4, 4), 18, 0), ((0, 0, 4, 4), 16, 1)]
    assert suppress(candidates(rows), 0.5, 10).tolist() == [0, 1]


def test_boxes_without_area_do_not_divide_by_zero() -> None:
    rows: list[tuple[tuple[float, ...], int, int]] = [((1, 1, 1, 1), 18, 0), ((1, 1, 1, 1), 16, 0)]
    assert suppress(candidates(rows), 0.5, 10).tolist() == [0, 1]


def test_boxes_are_moved_clipped_and_named() -> None:
    geometry = Geometry(2.0, 2.0, -10.0, 0.0, 100, 50)
    found = candidates([((0, 5, 20, 30), 20, 1), ((60, 0, 70, 10), 10, 7)])
    detection = to_detection(found, [1, 0], geometry, ("a", "b"))
    assert len(detection.objects) == 1  # the other one lies to the right of the frame
    assert detection.objects[0].label == "b"
    assert detection.objects[0].score == 1.0
    assert detection.objects[0].box == (0.0, 10.0, 30.0, 40.0)


@given(box, st.floats(0.1, 10), st.floats(-50, 50))
def test_no_box_leaves_the_frame(one: tuple[float, ...], scale: float, offset: float) -> None:
    geometry = Geometry(scale, scale, offset, offset, 40, 30)
    for found in to_detection(candidates([(one, 20, 0)]), [0], geometry, ()).objects:
        x, y, width, height = found.box
        assert x >= 0
        assert y >= 0
        assert width > 0
        assert height > 0
        assert x + width <= 40 + 1e-9
        assert y + height <= 30 + 1e-9


def test_detection_needs_a_picture() -> None:
    with pytest.raises(DataError, match="detection needs a picture"):
        to_detection(candidates([]), [], None, ())
