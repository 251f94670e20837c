"""Class scores and corners of prior boxes."""

from __future__ import annotations

import numpy as np
import pytest

from edgeinfer.errors import ModelError, SettingsError
from edgeinfer.frames import Array, TensorInfo
from edgeinfer.processing.geometry import Geometry
from edgeinfer.processing.results import Detection
from edgeinfer.processing.spec import DetectionOutput
from edgeinfer.processing.ultraface import UltrafaceDecoder

SIZE = (320, 240)
GEOMETRY = Geometry(2.0, 2.0, 0.0, 0.0, 640, 480)
SCORES = np.array([[[0.1, 0.9], [0.2, 0.8], [0.95, 0.05], [0.25, 0.75]]], np.float32)
BOXES = np.array(
    [[[0.25, 0.25, 0.5, 0.5], [0.25, 0.25, 0.5, 0.51], [0, 0, 1, 1], [0.5, 0.5, 1.5, 1.0]]], np.float32
)


def decode(
    scores: Array = SCORES, boxes: Array = BOXES, labels: tuple[str, ...] = ("background", "face")
) -> Detection:
    arrays = {"scores": scores, "boxes": boxes}
    tensors = tuple(
        TensorInfo(name=name, dtype="float32", shape=array.shape) for name, array in arrays.items()
    )
    spec = DetectionOutput(decode="ultraface", threshold=0.7, iou=0.3)
    return UltrafaceDecoder(spec, labels, tensors, SIZE)(arrays, {}, GEOMETRY)


def test_overlapping_faces_are_one_and_the_background_is_none() -> None:
    found = decode().objects
    assert [one.label for one in found] == ["face", "face"]
    assert [one.score for one in found] == pytest.approx([0.9, 0.75])
    assert found[0].box == pytest.approx((160.0, 120.0, 160.0, 120.0))
    assert found[1].box == pytest.approx((320.0, 240.0, 320.0, 240.0))  # clipped on the right


def test_roles_follow_from_the_names_whatever_the_order() -> None:
    arrays = {"boxes": BOXES, "scores": SCORES}
    tensors = tuple(
        TensorInfo(name=name, dtype="float32", shape=array.shape) for name, array in arrays.items()
    )
    decoder = UltrafaceDecoder(DetectionOutput(decode="ultraface", threshold=0.7), (), tensors, SIZE)
    assert [one.label for one in decoder(arrays, {}, GEOMETRY).objects] == ["1", "1"]


def test_the_labels_name_the_background_too() -> None:
    with pytest.raises(SettingsError, match="1 labels for a model of 2 classes"):
        decode(labels=("face",))


def test_nan_is_an_error() -> None:
    with pytest.raises(ModelError, match="NaN"):
        decode(boxes=np.full((1, 4, 4), np.nan, np.float32))


def test_outputs_that_do_not_fit_each_other() -> None:
    with pytest.raises(ModelError, match="3 boxes, but scores for 4"):
        decode(boxes=BOXES[:, :3])


def test_boxes_have_four_corners() -> None:
    with pytest.raises(ModelError, match="cannot be the boxes"):
        decode(boxes=np.zeros((1, 4, 3), np.float32))
