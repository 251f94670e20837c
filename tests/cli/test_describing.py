"""A result in words."""

from __future__ import annotations

import pytest

from edgeinfer.cli.describing import describe, describe_outcome
from edgeinfer.processing.results import (
    Anomaly,
    Classification,
    ClassScore,
    DetectedObject,
    Detection,
    Outcome,
    Raw,
    Regression,
)
from tests.fixtures.pipelines import gray_frame, light_pipeline

CAT = DetectedObject(label="cat", score=0.914, box=(120.4, 40.6, 88.0, 210.0))


@pytest.mark.parametrize(
    ("outcome", "words"),
    [
        (Classification(classes=(ClassScore(label="cat", score=0.914),)), "cat 0.91"),
        (
            Classification(classes=(ClassScore(label="cat", score=0.9), ClassScore(label="dog", score=0.1))),
            "cat 0.90, dog 0.10",
        ),
        (Classification(classes=()), "nothing sure enough"),
        (Detection(objects=(CAT, CAT)), "cat 0.91 [120 41 88 210], cat 0.91 [120 41 88 210]"),
        (Detection(objects=()), "nothing"),
        (
            Anomaly(score=0.123456, threshold=0.05, anomalous=True),
            "ANOMALOUS  score 0.1235, threshold 0.05",
        ),
        (Anomaly(score=0.01, threshold=0.05, anomalous=False), "normal  score 0.01, threshold 0.05"),
        (Regression(values={"t": 21.5, "load": 3.0}), "t 21.5, load 3"),
        (Raw(outputs={"y": [[1.0, 2.0]]}), "y [[1.0, 2.0]]"),
    ],
)
def test_what_was_found(outcome: Outcome, words: str) -> None:
    assert describe_outcome(outcome) == words


def test_a_frame_goes_by_its_name_or_its_number() -> None:
    pipeline = light_pipeline()
    assert describe(pipeline.process(gray_frame(255, sequence=7))) == "#7  bright 1.00"
    named = describe(pipeline.process(gray_frame(255, sequence=7, name="a.jpg")))
    assert named == "a.jpg  bright 1.00"
