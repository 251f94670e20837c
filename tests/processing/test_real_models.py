"""Real models on real pictures: the whole way agrees with the plain one."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from edgeinfer.backends import BackendOptions, open_backend
from edgeinfer.pipeline import assemble
from edgeinfer.processing.results import Classification, Detection
from edgeinfer.processing.spec import (
    ClassificationOutput,
    DetectionOutput,
    ImageInput,
    ModelSpec,
    PipelineSpec,
)
from tests.fixtures.pipelines import frame_of

pytestmark = pytest.mark.zoo


def test_an_integer_classifier_decides_as_by_hand(zoo: Path) -> None:
    """Normalizing by 255 and quantizing with scale 1/255 and zero point -128 is subtracting 128."""
    spec = PipelineSpec(
        model=ModelSpec(name="person", version="1.0.0", task="classification"),
        input=(ImageInput(size=(96, 96), std=(255.0,)),),
        output=ClassificationOutput(decode="none"),
    )
    model = (zoo / "models" / "mlperf_tiny" / "vww_mobilenetv1_025_96_int8.tflite").read_bytes()
    images = np.load(zoo / "datasets" / "vww_test.npz")["images"][:40]
    with open_backend(model, "tflite", BackendOptions()) as backend:
        pipeline = assemble(spec, backend, labels=("no_person", "person"), device="d", stream="s")
        name, output = backend.inputs[0].name, backend.outputs[0].name
        for image in images:
            by_hand = backend.run({name: (image.astype(np.int16) - 128).astype(np.int8)[None]})[output][0]
            outcome = pipeline.process(frame_of(np.ascontiguousarray(image[:, :, ::-1]))).outcome
            assert isinstance(outcome, Classification)
            assert outcome.classes[0].label == ("no_person", "person")[int(by_hand.argmax())]
            assert outcome.classes[0].score == pytest.approx((int(by_hand.max()) + 128) / 256)


def test_a_detector_finds_the_bottles(zoo: Path) -> None:
    import cv2

    spec = PipelineSpec(
        model=ModelSpec(name="ssd", version="1.0.0", task="detection"),
        input=(ImageInput(size=(300, 300), mean=(128.0,), std=(128.0,)),),
        output=DetectionOutput(decode="ssd", threshold=0.45),
    )
    labels = (zoo / "labels" / "coco_91_labels.txt").read_text(encoding="utf-8").splitlines()
    model = (zoo / "models" / "detect" / "coco_ssd_mobilenet_v1_quant.tflite").read_bytes()
    capture = cv2.VideoCapture(str(zoo / "video" / "bottle-detection.mp4"))
    found, picture = capture.read()
    capture.release()
    assert found
    with open_backend(model, "tflite", BackendOptions()) as backend:
        pipeline = assemble(spec, backend, labels=tuple(labels), device="d", stream="s")
        outcome = pipeline.process(frame_of(picture)).outcome
    assert isinstance(outcome, Detection)
    bottles = sorted(one.box for one in outcome.objects if one.label == "bottle")
    # Three bottles side by side, where one sees them in the picture.
    expected = [(56, 102, 69, 205), (281, 103, 67, 208), (503, 104, 69, 211)]
    assert len(bottles) == len(expected)
    for box, place in zip(bottles, expected, strict=True):
        assert box == pytest.approx(place, abs=8)
