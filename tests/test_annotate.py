"""Pictures with what was found drawn into them."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edgeinfer.annotate import draw, save_annotated
from edgeinfer.errors import DataError
from edgeinfer.frames import Array
from edgeinfer.processing.results import (
    Anomaly,
    Classification,
    ClassScore,
    DetectedObject,
    Detection,
)
from tests.fixtures.pipelines import gray_frame, light_pipeline


def picture(width: int = 200, height: int = 150) -> Array:
    return np.full((height, width, 3), 127, np.uint8)


def one_box(x: float, y: float, width: float, height: float, label: str = "cat") -> Detection:
    return Detection(objects=(DetectedObject(label=label, score=0.9, box=(x, y, width, height)),))


def changed(before: Array, after: Array) -> tuple[Array, Array]:
    """Rows and columns that were drawn on."""
    rows, columns = np.nonzero((before != after).any(axis=2))
    return rows, columns


def test_a_box_is_drawn_where_it_is() -> None:
    before = picture()
    after = draw(before, one_box(50, 60, 100, 40))
    rows, columns = changed(before, after)
    assert abs(columns.min() - 50) <= 1
    assert abs(columns.max() - 150) <= 1
    assert abs(rows.max() - 100) <= 1
    assert (after[70:95, 60:140] == 127).all()  # hollow
    assert 40 < rows.min() < 60  # the label sits on top


def test_a_label_at_the_upper_edge_moves_inside() -> None:
    before = picture()
    after = draw(before, one_box(10, 0, 150, 140))
    assert changed(before, after)[0].min() == 0
    assert (after[2:8, 11:20] != 127).any()


def test_the_frame_itself_is_left_alone() -> None:
    before = picture()
    draw(before, one_box(10, 10, 20, 20))
    assert (before == 127).all()


def test_the_same_label_has_the_same_colour_everywhere() -> None:
    first, second = (draw(picture(), one_box(x, 60, 20, 30))[80, x] for x in (20, 90))
    assert first.tolist() == second.tolist() != [127, 127, 127]


@settings(max_examples=30, deadline=None)
@given(
    st.integers(1, 300),
    st.integers(1, 300),
    st.tuples(*[st.floats(0, 400) for _ in range(4)]),
    st.text(max_size=30),
)
def test_any_box_and_any_label_can_be_drawn(
    width: int, height: int, box: tuple[float, float, float, float], label: str
) -> None:
    assert draw(picture(width, height), one_box(*box, label)).shape == (height, width, 3)


def test_classes_stand_in_the_corner_below_each_other() -> None:
    scores = tuple(ClassScore(label=label, score=0.5) for label in ("cat", "dog"))
    one, two = (
        changed(picture(), draw(picture(), Classification(classes=scores[:count])))[0].max()
        for count in (1, 2)
    )
    assert two > one > 5


def test_other_outcomes_leave_the_picture_as_it_is() -> None:
    outcome = Anomaly(score=1.0, threshold=0.5, anomalous=True)
    assert np.array_equal(draw(picture(), outcome), picture())


@pytest.mark.parametrize(
    "array", [np.zeros((8, 8), np.uint8), np.zeros((8, 8, 3), np.float32), np.zeros((8, 2), np.float32)]
)
def test_only_pictures_can_be_drawn_on(array: Array) -> None:
    with pytest.raises(DataError, match="only pictures") as caught:
        draw(array, Detection(objects=()))
    assert "--save" in caught.value.hint


def test_files_are_named_by_the_frame(tmp_path: Path) -> None:
    frame = gray_frame(200, sequence=42, width=64, height=48)
    result = light_pipeline().process(frame)
    path = save_annotated(tmp_path, frame, result)
    assert path == tmp_path / "000042.jpg"
    assert [one.name for one in tmp_path.iterdir() if one.is_file()] == ["000042.jpg"]
    read = cv2.imread(str(path))
    assert read is not None
    assert read.shape == (48, 64, 3)
    assert abs(int(read[40, 60].mean()) - 200) < 5
