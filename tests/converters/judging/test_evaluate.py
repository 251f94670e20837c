"""Judging outputs as the device does, without the thresholds that would hide what is compared."""

from __future__ import annotations

import numpy as np

from edgeinfer.frames import TensorInfo
from edgeinfer.processing.preprocess import Geometry
from edgeinfer.processing.results import Anomaly, Classification, ClassScore, Detection, Regression
from edgeinfer_converters.judging.evaluate import Accuracy, Judge, Scoring, top_class
from edgeinfer_converters.samples import Sample
from tests.fixtures.data import DETECTION_TOML, IMAGE_TOML, WINDOW_TENSOR, WINDOW_TOML, pipeline

X = TensorInfo(name="x", dtype="float32", shape=(1, 3))
Y = TensorInfo(name="y", dtype="float32", shape=(1, 3))


def sample(truth: int | None = None) -> Sample:
    return Sample("one", {"x": np.zeros((1, 3), np.float32)}, None, truth)


def test_labels_are_numbers_and_thresholds_are_open() -> None:
    spec = pipeline(IMAGE_TOML + "\n[output]\nthreshold = 0.99\ntop_k = 3\n")
    judge = Judge(spec, ("crane", "crane", "owl"), (Y,), (X,))
    outcome = judge.outcome({"y": np.array([[0.1, 0.3, 0.2]], np.float32)}, sample())
    assert isinstance(outcome, Classification)
    assert [one.label for one in outcome.classes] == ["1"]
    assert top_class(outcome) == "1"


def test_weak_detections_count() -> None:
    tensors = tuple(
        TensorInfo(name=name, dtype="float32", shape=shape)
        for name, shape in (("boxes", (1, 2, 4)), ("classes", (1, 2)), ("scores", (1, 2)), ("count", (1,)))
    )
    judge = Judge(pipeline(DETECTION_TOML), (), tensors, (X,))
    outputs = {
        "boxes": np.array([[[0, 0, 1, 1], [0, 0, 0.5, 0.5]]], np.float32),
        "classes": np.array([[3, 4]], np.float32),
        "scores": np.array([[0.02, 0.005]], np.float32),
        "count": np.array([2], np.float32),
    }
    one = Sample("d", {"x": np.zeros((1, 3), np.float32)}, Geometry(1.0, 1.0, 0.0, 0.0, 16, 16))
    outcome = judge.outcome(outputs, one)
    assert isinstance(outcome, Detection)
    assert [one.label for one in outcome.objects] == ["3"]


def test_an_anomaly_threshold_need_not_be_known() -> None:
    rebuilt = TensorInfo(name="r", dtype="float32", shape=(1, 8, 2))
    judge = Judge(pipeline(WINDOW_TOML), (), (rebuilt,), (WINDOW_TENSOR,))
    one = Sample("w", {"window": np.ones((1, 8, 2), np.float32)})
    outcome = judge.outcome({"r": np.full((1, 8, 2), 3, np.float32)}, one)
    assert isinstance(outcome, Anomaly)
    assert outcome.score == 4.0


def classified(label: str) -> Classification:
    return Classification(classes=(ClassScore(label=label, score=1.0),))


def test_scoring_both_models() -> None:
    scoring = Scoring(pipeline(IMAGE_TOML))
    scoring.add(sample(1), classified("1"), classified("1"))
    scoring.add(sample(2), classified("0"), classified("2"))
    scoring.add(sample(None), classified("0"), classified("0"))
    assert scoring.accuracy() == Accuracy(metric="top-1", samples=2, converted=0.5, reference=1.0, drop=0.5)


def test_scoring_without_labels_or_without_a_metric() -> None:
    scoring = Scoring(pipeline(IMAGE_TOML))
    scoring.add(sample(None), classified("0"), classified("0"))
    assert scoring.accuracy() is None
    raw = pipeline(IMAGE_TOML.replace('"classification"', '"raw"').replace('labels = "labels.txt"\n', ""))
    unscored = Scoring(raw)
    unscored.add(sample(1), classified("0"), None)
    assert unscored.accuracy() is None


def test_other_tasks_have_no_top_class() -> None:
    assert top_class(Regression(values={"a": 1.0})) is None
    assert top_class(Classification(classes=())) is None
