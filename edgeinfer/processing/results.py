"""What inference finds, task by task, and the record that is published.

The record is one flat JSON object (docs/running.md): what is known of every frame, then the task's own
fields. Numbers are rounded to what they can mean: milliseconds to 0.01, pixels to 0.1, scores to 0.0001,
measured quantities to six significant digits. NaN and infinity are never written.
"""

from __future__ import annotations

import math
from datetime import datetime, timezone
from typing import Any

from edgeinfer.errors import ModelError
from edgeinfer.strict import Struct, encode_json

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
    """One frame's result.

    `age_ms`: from capture until the result was ready. `name` is the file's where a frame has one.
    """

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
    name: str = ""


def timestamp(moment: datetime) -> str:
    """An aware moment as ISO 8601 in UTC with milliseconds, such as 2026-11-21T09:30:00.123Z."""
    return f"{moment.astimezone(timezone.utc).replace(tzinfo=None).isoformat(timespec='milliseconds')}Z"


def encode_result(result: Result) -> bytes:
    """The JSON record of a result, in UTF-8. Raises ModelError for a number that is NaN or infinite."""
    latency = result.latency_ms
    record = {
        "schema": SCHEMA,
        "device": result.device,
        "stream": result.stream,
        "sequence": result.sequence,
        "captured_at": result.captured_at,
        "age_ms": _rounded(result.age_ms, 2),
        "model": result.model,
        "task": result.task,
        "frame": result.frame,
        **({"name": result.name} if result.name else {}),
        "latency_ms": {
            "preprocess": _rounded(latency.preprocess, 2),
            "infer": _rounded(latency.infer, 2),
            "postprocess": _rounded(latency.postprocess, 2),
        },
        **_fields(result.outcome),
    }
    return encode_json(record)


def _fields(outcome: Outcome) -> dict[str, Any]:
    if isinstance(outcome, Classification):
        return {"classes": [{"label": c.label, "score": _rounded(c.score, 4)} for c in outcome.classes]}
    if isinstance(outcome, Detection):
        return {"objects": [_object(one) for one in outcome.objects]}
    if isinstance(outcome, Anomaly):
        return {
            "score": _significant(outcome.score),
            "threshold": _significant(outcome.threshold),
            "anomalous": outcome.anomalous,
        }
    if isinstance(outcome, Regression):
        return {"values": {name: _significant(value) for name, value in outcome.values.items()}}
    return {"outputs": {name: _checked(values) for name, values in outcome.outputs.items()}}


def _object(one: DetectedObject) -> dict[str, Any]:
    box = [_rounded(side, 1) for side in one.box]
    return {"label": one.label, "score": _rounded(one.score, 4), "box": box}


def _rounded(number: float, digits: int) -> float:
    return round(_finite(number), digits)


def _significant(number: float) -> float:
    return float(f"{_finite(number):.6g}")


def _checked(values: Any) -> Any:
    if isinstance(values, list):
        return [_checked(value) for value in values]
    return _finite(values) if isinstance(values, float) else values


def _finite(number: float) -> float:
    # JSON has no word for these, and `null` would read as "nothing measured".
    if not math.isfinite(number):
        raise ModelError("a result holds NaN or infinity")
    return number
