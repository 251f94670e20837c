"""The bars: what is good enough says nothing, and every miss is one sentence."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgeinfer.strict import decode_json, encode_json, replace
from scripts.quantization.measured_run import Cost
from scripts.quantization.tasks import Score
from scripts.quantization.timing import Latency
from scripts.tflite.partitions import Kernels
from scripts.tflite.results import (
    Alike,
    File,
    Flatbuffer,
    FloatRow,
    Int8Row,
    Made,
    OldRun,
    Rival,
    TfliteReport,
    missed_bars,
)

KERNELS = Kernels(operators={"ADD": 1, "CONV_2D": 2}, partitions=1, delegated=2, outside={"ADD": 1})
EVEN = Latency(wall_ms=1.0, cpu_ms=1.0, ratio=1.0)
FILE = File(
    size_bytes=1000, kernels=KERNELS, integer_share=1.0, latency=EVEN, old=OldRun(steps=1.0, usual_steps=9.0)
)
FLOAT = FloatRow(model="net (onnx)", error=1e-4, file=FILE, reference=EVEN)


def made(sqnr_db: float = 30.0, seconds: float = 2.0) -> Made:
    """A model that was built and scored."""
    score = Score(metric="top-1", samples=9, converted=0.5, sqnr_db=sqnr_db, float_metric=0.5, agreement=0.9)
    return Made(score=score, cost=Cost(seconds=seconds, peak_bytes=5_000_000, cpu_seconds=9.0))


def rival(sqnr_db: float = 29.0, size_bytes: int = 1000, ratio: float = 1.0) -> Rival:
    """A file by others, exactly as good as it may be."""
    score = made(sqnr_db).score
    assert score is not None
    own = made().score
    assert own is not None
    ours = Alike(score=own, size_bytes=1000, latency=replace(EVEN, ratio=ratio))
    return Rival(name="theirs.tflite", score=score, file=replace(FILE, size_bytes=size_bytes), ours=ours)


def row(**parts: Any) -> Int8Row:
    """A task, all of which is just good enough."""
    usual = {"task": "mobilenetv2", "load": 1.0, "onnx": made(30.5), "tflite": made(30.0, 15.0)}
    return Int8Row(**{**usual, "file": FILE, "reference": EVEN, "rival": rival(), **parts})


def report(**parts: Any) -> TfliteReport:
    """A run."""
    usual: dict[str, Any] = {"schema": 1, "date": "2026-01-02 03:04 UTC", "versions": {"a": "1"}}
    return TfliteReport(**{**usual, "floats": (FLOAT,), "tasks": (row(),), **parts})


def test_what_is_just_good_enough_says_nothing() -> None:
    written = Flatbuffer(task="mobilenetv2", seconds=0.5, cpu_seconds=0.25, load=1.0)
    assert missed_bars(report(flatbuffer=written)) == []


def test_a_report_survives_json() -> None:
    whole = report(flatbuffer=Flatbuffer(task="a", seconds=0.5, cpu_seconds=0.25, load=1.0))
    assert decode_json(encode_json(whole), TfliteReport, "report") == whole


def test_operators_are_counted() -> None:
    assert KERNELS.count == 3


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        (replace(FLOAT, error=2e-4), "net (onnx): off by 2.0e-04, 1e-04 at most"),
        (replace(FLOAT, error=float("nan")), "net (onnx): off by nan, 1e-04 at most"),
        (FloatRow(model="net", reason="no equal"), "net: no equal"),
        (
            replace(FLOAT, file=replace(FILE, old=OldRun(reason="too new"))),
            "net (onnx): not in tflite-runtime: too new",
        ),
        (
            replace(FLOAT, file=replace(FILE, old=OldRun(steps=2.5))),
            "net (onnx): 2.50 steps off in tflite-runtime, 1 at most",
        ),
        (
            replace(FLOAT, file=replace(FILE, old=OldRun(steps=2.5, lost_db=-0.25))),
            "net (onnx): 2.50 steps off in tflite-runtime, +0.2 dB to LiteRT, 1 at most",
        ),
    ],
)
def test_each_bar_of_a_float_model(changed: FloatRow, said: str) -> None:
    assert missed_bars(report(floats=(changed,))) == [said]


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        (row(onnx=made(31.0)), "mobilenetv2: 1.0 dB behind the ONNX model, 0.5 dB at most"),
        (row(onnx=Made(reason="no")), "mobilenetv2, onnx: no"),
        (row(tflite=Made(reason="no"), file=None, rival=None), "mobilenetv2, tflite: no"),
        (row(tflite=made(30.0, 16.0)), "mobilenetv2: takes 16 s (processor 9 s) to build, 15 s at most"),
        (row(rival=rival(sqnr_db=29.5)), "mobilenetv2: +0.5 dB to theirs.tflite, at least +1 dB"),
        (
            row(rival=rival(size_bytes=999), file=replace(FILE, size_bytes=2)),
            "mobilenetv2: 1000 bytes, theirs.tflite 999",
        ),
        (row(rival=rival(ratio=0.8)), "mobilenetv2: takes 1.25 times as long as theirs.tflite"),
        (row(rival=None, rival_reason="not there"), "mobilenetv2: not there"),
    ],
)
def test_each_bar_of_a_task(changed: Int8Row, said: str) -> None:
    assert missed_bars(report(tasks=(changed,))) == [said]


def test_only_one_task_has_a_time_to_keep() -> None:
    assert missed_bars(report(tasks=(row(task="yolox_nano", tflite=made(30.0, 99.0)),))) == []


def test_a_file_that_takes_long_to_write() -> None:
    written = Flatbuffer(task="mobilenetv2", seconds=0.75, cpu_seconds=0.25, load=1.0)
    assert missed_bars(report(flatbuffer=written)) == [
        "mobilenetv2: the file takes 0.75 s (processor 0.25 s) to write, 0.5 s at most"
    ]


@given(st.floats(0, 60), st.floats(0, 60))
def test_the_formats_may_differ_by_half_a_decibel(ours_db: float, theirs_db: float) -> None:
    found = missed_bars(report(tasks=(row(onnx=made(theirs_db), tflite=made(ours_db), rival=None),)))
    assert bool(found) == (theirs_db - ours_db > 0.5)
