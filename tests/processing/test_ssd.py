"""Detectors that carry their own suppression."""

from __future__ import annotations

import numpy as np
import pytest

from edgeinfer.errors import ModelError, SettingsError
from edgeinfer.frames import Array, TensorInfo
from edgeinfer.processing.geometry import Geometry
from edgeinfer.processing.results import Detection
from edgeinfer.processing.spec import DetectionOutput
from edgeinfer.processing.ssd import SsdDecoder

SIZE = (300, 300)
GEOMETRY = Geometry(2.0, 1.0, 0.0, 0.0, 600, 300)
BOXES = np.array([[[0.1, 0.2, 0.5, 0.4], [0.0, 0.0, 1.0, 1.0], [0.5, 0.5, 0.6, 0.6]]], np.float32)
CLASSES = np.array([[0.0, 2.0, 1.0]], np.float32)
SCORES = np.array([[0.6, 0.9, 0.3]], np.float32)


def info(name: str, *shape: int) -> TensorInfo:
    return TensorInfo(name=name, dtype="float32", shape=shape)


def decode(
    count: float | None = 3.0,
    *,
    threshold: float = 0.5,
    most: int = 100,
    boxes: Array = BOXES,
    scores: Array = SCORES,
) -> Detection:
    arrays = {"p": boxes, "p:1": CLASSES, "p:2": scores}
    if count is not None:
        arrays["p:3"] = np.array([count], np.float32)
    tensors = tuple(info(name, *array.shape) for name, array in arrays.items())
    spec = DetectionOutput(decode="ssd", threshold=threshold, max_detections=most)
    return SsdDecoder(spec, ("cat", "???", "dog"), tensors, SIZE)(arrays, {}, GEOMETRY)


def test_boxes_come_as_corners_with_y_first() -> None:
    found = decode().objects
    assert [one.label for one in found] == ["dog", "cat"]
    assert [one.score for one in found] == pytest.approx([0.9, 0.6])
    assert found[0].box == (0.0, 0.0, 600.0, 300.0)
    assert found[1].box == pytest.approx((120.0, 30.0, 120.0, 120.0), abs=1e-4)


def test_a_gap_in_the_labels_is_called_by_its_number() -> None:
    assert decode(threshold=0.2).objects[-1].label == "1"


@pytest.mark.parametrize(
    ("count", "found"), [(0.0, 0), (1.0, 1), (2.0, 2), (3.0, 3), (99.0, 3), (-1.0, 0), (None, 3)]
)
def test_only_counted_boxes_are_read(count: float | None, found: int) -> None:
    assert len(decode(count, threshold=0.0).objects) == found


def test_the_best_are_kept() -> None:
    assert [one.label for one in decode(most=1).objects] == ["dog"]


def test_outputs_in_another_order_are_named_in_the_pipeline() -> None:
    arrays = {"a": SCORES, "b": BOXES, "c": np.array([3.0], np.float32), "d": CLASSES}
    tensors = tuple(info(name, *array.shape) for name, array in arrays.items())
    spec = DetectionOutput(decode="ssd", tensors={"scores": "a", "boxes": "b", "count": "c", "classes": "d"})
    found = SsdDecoder(spec, ("cat", "???", "dog"), tensors, SIZE)(arrays, {}, GEOMETRY)
    assert [one.label for one in found.objects] == ["dog", "cat"]


def test_outputs_in_another_order_are_noticed() -> None:
    tensors = (info("a", 1, 3), info("b", 1, 3, 4), info("c", 1), info("d", 1, 3))
    with pytest.raises(ModelError, match=r"`a` has the shape.*cannot be the boxes"):
        SsdDecoder(DetectionOutput(decode="ssd"), (), tensors, SIZE)


def test_too_few_outputs_are_noticed() -> None:
    with pytest.raises(SettingsError, match="no output of the model is left for scores"):
        SsdDecoder(DetectionOutput(decode="ssd"), (), (info("a", 1, 3, 4), info("b", 1, 3)), SIZE)


def test_nan_is_an_error() -> None:
    with pytest.raises(ModelError, match="NaN"):
        decode(scores=np.array([[0.5, np.nan, 0.1]], np.float32))


def test_outputs_that_do_not_fit_each_other() -> None:
    with pytest.raises(ModelError, match="2 boxes, 3 classes and 3 scores"):
        decode(boxes=BOXES[:, :2])
