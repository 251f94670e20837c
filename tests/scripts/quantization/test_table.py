"""The tables, column by column."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from scripts.quantization.measured_run import Cost
from scripts.quantization.results import Limits, Memory, Report, Row, TaskResult
from scripts.quantization.table import (
    COLUMNS,
    NAME_WIDTH,
    WIDTH,
    closing,
    limits_table,
    memory_table,
    task_table,
)
from scripts.quantization.tasks import Score
from scripts.quantization.timing import Latency

SCORE = Score(
    metric="top-1", samples=372, converted=0.7984, sqnr_db=13.65, float_metric=0.8065, agreement=0.9032
)
FULL = Row(
    candidate="ort_minmax",
    score=SCORE,
    size_bytes=3_838_607,
    cost=Cost(seconds=3.94, peak_bytes=368_400_000),
    integer_share=0.9876,
    latency=Latency(wall_ms=4.6634, cpu_ms=4.6512, ratio=1.895),
)


def _result(*rows: Row) -> TaskResult:
    return TaskResult(task="mobilenetv2", metric="top-1", samples=372, rows=rows, load=1.27)


def _report(**parts: object) -> Report:
    common = {"schema": 1, "date": "2026-01-02 03:04 UTC", "profile": "x86-64-vnni", "tasks": ()}
    return Report(**{**common, "versions": {"edgeinfer": "0.1.0", "nncf": "3.4.0"}, **parts})  # type: ignore[arg-type]  # parts of the test


def test_a_row_stands_under_its_headings() -> None:
    title, heading, row = task_table(_result(FULL)).splitlines()
    assert title == "mobilenetv2: top-1 on 372 samples, load average 1.3"
    shown = dict(zip((name for name, _ in COLUMNS), row[NAME_WIDTH:].split(), strict=True))
    assert shown == {
        "metric": "0.7984",
        "drop": "+0.0081",
        "agree": "0.903",
        "SQNR dB": "13.7",
        "kB": "3839",
        "conv s": "3.9",
        "peak MB": "368",
        "int %": "98.8",
        "wall ms": "4.663",
        "cpu ms": "4.651",
        "faster": "1.90",
    }
    end = NAME_WIDTH
    for name, width in COLUMNS:
        end += width
        assert heading[:end].endswith(name)
        assert row[:end].endswith(shown[name])


def test_what_was_not_measured_is_a_dash() -> None:
    row = task_table(_result(Row(candidate="float"))).splitlines()[-1]
    assert row.split() == ["float", *["-"] * len(COLUMNS)]


def test_no_drop_has_no_minus() -> None:
    same = Score(metric="top-1", samples=1, converted=0.30001, sqnr_db=1.0, float_metric=0.3)
    assert "+0.0000" in task_table(_result(Row(candidate="a", score=same)))


def test_a_failure_stands_on_one_line() -> None:
    lines = task_table(
        _result(Row(candidate="onnx2tf", reason="ValueError:\n  " + "long words " * 40))
    ).splitlines()
    assert len(lines) == 3
    assert lines[-1].startswith("onnx2tf        failed: ValueError: long words")
    assert lines[-1].endswith("…")
    assert len(lines[-1]) <= WIDTH


def test_the_heading_fits() -> None:
    assert NAME_WIDTH + sum(width for _, width in COLUMNS) <= WIDTH


@given(st.text(min_size=1), st.text())
def test_any_name_and_reason_keep_the_width(name: str, reason: str) -> None:
    for row in (Row(candidate=name, reason=reason), Row(candidate=name, score=SCORE)):
        last = task_table(_result(row)).split("\n", 2)[-1]
        assert len(last) <= WIDTH


def test_the_closing_says_what_was_compared() -> None:
    text = closing(_report(tasks=(_result(FULL),)), ["not as recorded: " + "words " * 30])
    assert text.startswith("2026-01-02 03:04 UTC, profile x86-64-vnni; edgeinfer 0.1.0, nncf 3.4.0\n")
    assert "agree: same top class" in text.replace("\n", " ")
    assert "not as recorded" in text
    assert max(map(len, text.splitlines())) <= WIDTH


def test_extras_need_no_legend() -> None:
    limits = Limits(task="resnet8", plain_weights_db=30.3, weights_db=31, activations_db=28.4, both_db=26.55)
    memory = Memory(task="mobilenetv2", float_bytes=100_000_000, peaks={64: 200_000_000, 1024: 210_000_000})
    text = closing(_report(limits=(limits,), memory=(memory,)))
    assert "agree" not in text
    assert limits_table((limits,)) in text
    assert memory_table((memory,)) in text


def test_limits_by_hand() -> None:
    limits = Limits(task="resnet8", plain_weights_db=30.3, weights_db=31, activations_db=28.4, both_db=26.5)
    _, heading, row = limits_table((limits,)).splitlines()
    assert row.split() == ["resnet8", "30.3", "31.0", "28.4", "26.5"]
    assert len(heading) == len(row) <= WIDTH


def test_memory_says_what_is_allowed() -> None:
    memory = Memory(task="mobilenetv2", float_bytes=100_000_000, peaks={64: 200_000_000, 1024: 210_000_000})
    row = memory_table((memory,)).splitlines()[1]
    assert row == "mobilenetv2    64 samples 200, 1024 samples 210; float 100 (goal: at most 280)"
