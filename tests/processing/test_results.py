"""The record that is published."""

from __future__ import annotations

import json
import math
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgeinfer.errors import ModelError
from edgeinfer.processing.results import (
    Anomaly,
    Classification,
    ClassScore,
    DetectedObject,
    Detection,
    Latency,
    Outcome,
    Raw,
    Regression,
    Result,
    encode_result,
    timestamp,
)

HEAD = {
    "schema": 1,
    "device": "gate-1",
    "stream": "door",
    "sequence": 812,
    "captured_at": "2026-11-21T09:30:00.123Z",
    "age_ms": 21.42,
    "model": "person@1.0.0",
    "task": "any",
    "frame": [768, 432],
    "latency_ms": {"preprocess": 0.41, "infer": 11.2, "postprocess": 0.0},
}


def result(outcome: Outcome, **changes: Any) -> Result:
    fields: dict[str, Any] = {
        "device": "gate-1",
        "stream": "door",
        "sequence": 812,
        "captured_at": "2026-11-21T09:30:00.123Z",
        "age_ms": 21.4201,
        "model": "person@1.0.0",
        "task": "any",
        "frame": (768, 432),
        "latency_ms": Latency(preprocess=0.4149, infer=11.2, postprocess=0.0001),
        "outcome": outcome,
    }
    return Result(**{**fields, **changes})


@pytest.mark.parametrize(
    ("outcome", "fields"),
    [
        (
            Classification(classes=(ClassScore(label="cat", score=0.123456),)),
            {"classes": [{"label": "cat", "score": 0.1235}]},
        ),
        (Classification(classes=()), {"classes": []}),
        (
            Detection(objects=(DetectedObject(label="dog", score=0.91, box=(120.04, 40.06, 88.0, 210.55)),)),
            {"objects": [{"label": "dog", "score": 0.91, "box": [120.0, 40.1, 88.0, 210.6]}]},
        ),
        (
            Anomaly(score=0.0000123456789, threshold=1234567.8, anomalous=False),
            {"score": 0.0000123457, "threshold": 1234570.0, "anomalous": False},
        ),
        (Regression(values={"t": 21.34567891, "n": -5.0}), {"values": {"t": 21.3457, "n": -5.0}}),
        (Raw(outputs={"y": [[0.5, 1], [True, 3]]}), {"outputs": {"y": [[0.5, 1], [True, 3]]}}),
    ],
    ids=["classification", "no class", "detection", "anomaly", "regression", "raw"],
)
def test_the_record_is_flat_and_rounded(outcome: Outcome, fields: dict[str, Any]) -> None:
    encoded = encode_result(result(outcome))
    assert json.loads(encoded) == {**HEAD, **fields}
    assert list(json.loads(encoded)) == [*HEAD, *fields]
    assert b"\n" not in encoded


def test_a_frame_with_a_name_says_it() -> None:
    record = json.loads(encode_result(result(Raw(outputs={}), name="bus.jpg")))
    assert record["name"] == "bus.jpg"


NUMBER = st.floats(allow_nan=True, allow_infinity=True)


@given(NUMBER, NUMBER, NUMBER)
def test_nan_and_infinity_are_never_written(first: float, second: float, third: float) -> None:
    outcomes: list[Outcome] = [
        Classification(classes=(ClassScore(label="a", score=first),)),
        Detection(objects=(DetectedObject(label="a", score=0.5, box=(first, second, third, 1.0)),)),
        Anomaly(score=first, threshold=second, anomalous=True),
        Regression(values={"a": first, "b": third}),
        Raw(outputs={"a": [[first], [second]], "b": third}),
    ]
    used = [(first,), (first, second, third), (first, second), (first, third), (first, second, third)]
    for outcome, numbers in zip(outcomes, used, strict=True):
        if all(map(math.isfinite, numbers)):
            assert b"null" not in encode_result(result(outcome))
        else:
            with pytest.raises(ModelError, match="NaN or infinity"):
                encode_result(result(outcome))


@given(st.floats(-1e6, 1e6))
def test_a_regression_value_keeps_six_digits(value: float) -> None:
    record = json.loads(encode_result(result(Regression(values={"v": value}))))
    assert record["values"]["v"] == pytest.approx(value, rel=1e-5)


@pytest.mark.parametrize(
    ("moment", "text"),
    [
        (datetime(2026, 11, 21, 9, 30, 0, 123999, timezone.utc), "2026-11-21T09:30:00.123Z"),
        (datetime(2026, 1, 1, tzinfo=timezone.utc), "2026-01-01T00:00:00.000Z"),
        (
            datetime(2026, 1, 1, 1, 30, tzinfo=timezone(timedelta(hours=2))),
            "2025-12-31T23:30:00.000Z",
        ),
    ],
)
def test_timestamps_have_milliseconds_and_z(moment: datetime, text: str) -> None:
    assert timestamp(moment) == text
