"""YOLOX decoding against a cell-by-cell reference."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edgeinfer.errors import ModelError, SettingsError
from edgeinfer.frames import Array, Quantization, TensorInfo
from edgeinfer.processing.geometry import Geometry
from edgeinfer.processing.results import Detection
from edgeinfer.processing.spec import DetectionOutput
from edgeinfer.processing.yolox import YoloxDecoder, decode_boxes, grids

SIZE = (64, 32)
CELLS = 8 * 4 + 4 * 2 + 2 * 1
GEOMETRY = Geometry(2.0, 2.0, 0.0, 0.0, 128, 64)


def decoder(threshold: float = 0.3, classes: int = 2, labels: tuple[str, ...] = ()) -> YoloxDecoder:
    tensor = TensorInfo(name="out", dtype="float32", shape=(1, CELLS, 5 + classes))
    return YoloxDecoder(DetectionOutput(decode="yolox", threshold=threshold), labels, tensor, SIZE)


def decode(rows: Array, threshold: float = 0.3, labels: tuple[str, ...] = ()) -> Detection:
    return decoder(threshold, rows.shape[1] - 5, labels)({"out": rows[None]}, {}, GEOMETRY)


def cells(width: int, height: int) -> list[tuple[int, int, int]]:
    return [
        (column, row, stride)
        for stride in (8, 16, 32)
        for row in range(height // stride)
        for column in range(width // stride)
    ]


def test_the_grid_goes_stride_by_stride_and_row_by_row() -> None:
    grid, strides = grids(*SIZE)
    found = [(int(c), int(r), int(s)) for (c, r), (s,) in zip(grid.tolist(), strides.tolist(), strict=True)]
    assert found == cells(*SIZE)
    assert len(grids(416, 416)[0]) == 3549


@settings(max_examples=30)
@given(st.integers(0, 2**31))
def test_boxes_are_decoded_cell_by_cell(seed: int) -> None:
    raw = np.random.default_rng(seed).normal(0, 1, (CELLS, 4)).astype(np.float32)
    found = decode_boxes(raw, *grids(*SIZE))
    for (x, y, w, h), (column, row, stride), box in zip(raw.tolist(), cells(*SIZE), found, strict=True):
        centre_x, centre_y = (x + column) * stride, (y + row) * stride
        width, height = math.exp(w) * stride, math.exp(h) * stride
        expected = [
            centre_x - width / 2,
            centre_y - height / 2,
            centre_x + width / 2,
            centre_y + height / 2,
        ]
        assert box == pytest.approx(expected, abs=1e-3)


@settings(max_examples=30)
@given(st.integers(0, 2**31), st.sampled_from([0.05, 0.3, 0.8]))
def test_all_and_only_scores_above_the_threshold_are_candidates(seed: int, threshold: float) -> None:
    rows = np.random.default_rng(seed).random((CELLS, 8)).astype(np.float32)
    found = decoder(threshold, 3)._candidates(rows)
    scores = rows[:, 4:5] * rows[:, 5:]
    assert sorted(found.scores.tolist()) == sorted(scores[scores >= threshold].tolist())
    expected = np.nonzero(scores >= threshold)
    assert found.classes.tolist() == expected[1].tolist()
    assert np.array_equal(found.boxes, decode_boxes(rows[:, :4], *grids(*SIZE))[expected[0]])


def test_one_object_ends_up_in_the_source_frame() -> None:
    rows = np.zeros((CELLS, 7), np.float32)
    # Stride 16, column 1, row 1; the centre half a cell on; 2 x 1 strides large.
    index = cells(*SIZE).index((1, 1, 16))
    rows[index] = [0.5, 0.5, math.log(2), 0.0, 0.9, 0.1, 0.8]
    found = decode(rows, labels=("cat", "dog"))
    assert len(found.objects) == 1
    assert found.objects[0].label == "dog"
    assert found.objects[0].score == pytest.approx(0.72)
    assert found.objects[0].box == pytest.approx((16.0, 32.0, 64.0, 32.0), abs=1e-4)


def test_huge_exponents_stay_finite() -> None:
    rows = np.zeros((CELLS, 7), np.float32)
    rows[0] = [0, 0, 1000, 1000, 1, 1, 0]
    assert decode(rows).objects[0].box == (0.0, 0.0, 128.0, 64.0)


def test_an_empty_scene() -> None:
    assert decode(np.zeros((CELLS, 7), np.float32)) == Detection(objects=())


def test_an_objectness_rounded_above_one_does_not_lose_a_box() -> None:
    tensor = TensorInfo(
        name="out",
        dtype="uint8",
        shape=(1, CELLS, 6),
        quantization=Quantization(scale=0.0101, zero_point=0),
    )
    spec = DetectionOutput(decode="yolox", threshold=0.5)
    stored = np.zeros((1, CELLS, 6), np.uint8)
    stored[0, 0, 4:] = [49, 102]  # 0.4949 * 1.0302 = 0.50985
    found = YoloxDecoder(spec, (), tensor, SIZE)({"out": stored}, {}, GEOMETRY)
    assert [one.score for one in found.objects] == pytest.approx([0.50985], abs=1e-4)


def test_nan_anywhere_is_an_error() -> None:
    rows = np.zeros((CELLS, 7), np.float32)
    rows[-1, 0] = np.nan
    with pytest.raises(ModelError, match="NaN"):
        decode(rows)


@pytest.mark.parametrize("shape", [(1, CELLS + 1, 7), (1, CELLS, 5), (CELLS, 7), (1, 7, CELLS)])
def test_an_output_of_another_model_is_refused(shape: tuple[int, ...]) -> None:
    tensor = TensorInfo(name="out", dtype="float32", shape=shape)
    with pytest.raises(ModelError, match=r"YOLOX at 64 x 32 gives \[1, 42, 5 \+ classes\]"):
        YoloxDecoder(DetectionOutput(decode="yolox"), (), tensor, SIZE)


def test_labels_have_to_match() -> None:
    with pytest.raises(SettingsError, match="3 labels for a model of 2 classes"):
        decoder(labels=("a", "b", "c"))
