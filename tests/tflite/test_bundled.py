"""The custom operators that every runtime brings."""

from __future__ import annotations

from typing import Any

import pytest
from flatbuffers import flexbuffers

from edgeinfer.errors import ModelError
from edgeinfer.tflite.inspect import read_sound
from tests.fixtures.tflite import builtin, graph_of, model_of, step, tensor_of

GOOD = {
    "max_detections": 10,
    "max_classes_per_detection": 1,
    "num_classes": 90,
    "nms_iou_threshold": 0.5,
    **{f"{axis}_scale": 5.0 for axis in "yxhw"},
}


def check(options: bytes, *, outputs: int = 4, name: str = "TFLite_Detection_PostProcess") -> None:
    tensors = [tensor_of([1]) for _ in range(3 + outputs)]
    made = [3 + number for number in range(outputs)]
    steps = [step(0, [0, 1, 2], made, customOptions=list(options))]
    read_sound(model_of([graph_of(tensors, steps, inputs=[0, 1, 2])], [builtin("CUSTOM", custom=name)]))


def test_good_options() -> None:
    check(bytes(flexbuffers.Dumps(GOOD)))


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"max_detections": 0}, "max_detections 0; 1 to"),
        ({"num_classes": -1}, "num_classes -1; 1 to"),
        ({"max_classes_per_detection": 10**9}, "max_classes_per_detection 1000000000"),
        ({"max_detections": 1000, "max_classes_per_detection": 1000}, "more than 100000 boxes"),
        ({"detections_per_class": 0}, "number of detections for each class"),
        ({"x_scale": 0.0}, "a scale that is not above zero"),
        ({"y_scale": float("nan")}, "a scale that is not above zero"),
        ({"nms_iou_threshold": "much"}, "damaged, or not numbers"),
    ],
)
def test_options_that_cannot_be(changes: dict[str, Any], text: str) -> None:
    with pytest.raises(ModelError, match=text):
        check(bytes(flexbuffers.Dumps(GOOD | changes)))


def test_other_counts_are_refused() -> None:
    with pytest.raises(ModelError, match="3 inputs and has 4 outputs"):
        check(bytes(flexbuffers.Dumps(GOOD)), outputs=3)


def test_damaged_options_are_refused_for_all_of_them() -> None:
    for name in ("AudioSpectrogram", "Mfcc", "NumericVerify"):
        check(bytes(flexbuffers.Dumps({"window_size": 4})), name=name)
        with pytest.raises(ModelError, match=rf"{name}\) has options that are damaged"):
            check(b"\1\2\3", name=name)
