"""What inference finds, task by task, and the record that is published."""

from __future__ import annotations

from typing import Any

from edgeinfer.strict import Struct

SCHEMA = 1


class ClassScore(Struct, frozen=True):
    """A class and its score, 0..1 after softmax or sigmoid."""

    label: str
    score: float


class DetectedObject(Struct, frozen=True):
    """`box` is x, y, width, height in pixels of the source frame."""

    label: str
    score: float
    box: tuple[float, float, float, float]


class Classification(Struct, frozen=True):
    """Best class first."""

    classes: tuple[ClassScore, ...]


class Detection(Struct, frozen=True):
    """Best score first."""

    objects: tuple[DetectedObject, ...]


class Anomaly(Struct, frozen=True):
    """`anomalous` is score > threshold."""

    score: float
    threshold: float
    anomalous: bool


class Regression(Struct, frozen=True):
    """The predicted numbers by name."""

    values: dict[str, float]


class Raw(Struct, frozen=True):
    """The output tensors by name, as nested lists."""

    outputs: dict[str, Any]


Outcome = Classification | Detection | Anomaly | Regression | Raw


class Latency(Struct, frozen=True):
    """Milliseconds that the stages took."""

    preprocess: float
    infer: float
    postprocess: float


class Result(Struct, frozen=True):
    """One frame's result. `age_ms`: from capture until the result was ready."""

    device: str
    stream: str
    sequence: int
    captured_at: str
    age_ms: float
    model: str
    task: str
    frame: tuple[int, int]
    latency_ms: Latency
    outcome: Outcome
