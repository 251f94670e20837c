"""The tables, column by column."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from edgeinfer.strict import replace
from scripts.quantization.table import WIDTH
from scripts.tflite.partitions import Kernels
from scripts.tflite.results import Flatbuffer, FloatRow, Made, OldRun
from scripts.tflite.table import (
    FLOAT_NAME_WIDTH,
    FLOATS,
    INT8,
    KERNELS,
    RIVALS,
    TASK_WIDTH,
    closing,
    floats_table,
    int8_table,
    kernels_table,
    old_table,
    rivals_table,
)
from tests.scripts.tflite.test_results import FILE, FLOAT, report, rival, row


def _cells(line: str, name_width: int) -> list[str]:
    return line[name_width:].split()


def test_every_heading_fits() -> None:
    for name_width, columns in (
        (FLOAT_NAME_WIDTH, FLOATS),
        (TASK_WIDTH, INT8),
        (TASK_WIDTH, RIVALS),
        (FLOAT_NAME_WIDTH, KERNELS),
    ):
        assert name_width + sum(width for _, width in columns) <= WIDTH


def test_a_float_model() -> None:
    _, heading, line = floats_table([FLOAT]).splitlines()
    assert line.startswith("net (onnx)")
    assert _cells(line, FLOAT_NAME_WIDTH) == ["1.0e-04", "1", "1.000", "1.000", "1.00", "1.00"]
    assert len(line) == len(heading)


def test_an_int8_task() -> None:
    title, heading, line = int8_table([row()]).splitlines()
    assert title.endswith("load averages 1.0")
    assert _cells(line, TASK_WIDTH) == [
        *("30.5", "30.0", "-0.5", "0.900", "0.5000", "1", "100.0"),
        *("15.0", "9.0", "5", "1.000", "1.000", "1.00"),
    ]
    assert len(line) == len(heading)


def test_what_was_not_measured_is_a_dash() -> None:
    line = floats_table([FloatRow(model="net")]).splitlines()[-1]
    assert _cells(line, FLOAT_NAME_WIDTH) == ["-"] * len(FLOATS)
    line = int8_table([row(onnx=Made(), tflite=Made(), file=None, reference=None)]).splitlines()[-1]
    assert _cells(line, TASK_WIDTH) == ["-"] * len(INT8)


def test_failures_stand_in_their_lines() -> None:
    assert floats_table([FloatRow(model="net", reason="no\n equal")]).endswith("failed: no equal")
    assert int8_table([row(tflite=Made(reason="no"))]).splitlines()[-1].split() == [
        *("mobilenetv2", "failed:", "no")
    ]
    lines = int8_table([row(onnx=Made(reason="no"))]).splitlines()
    assert lines[-1].split() == ["onnx", "failed:", "no"]
    assert lines[-2].startswith("mobilenetv2")


def test_rivals_are_compared_where_there_are_some() -> None:
    alone = row(task="squeezenet", rival=None)
    missing = row(task="resnet8", rival=None, rival_reason="not there")
    lines = rivals_table([row(rival=rival(size_bytes=2000, ratio=1.25)), alone, missing]).splitlines()
    assert _cells(lines[2], TASK_WIDTH) == [
        *("30.0", "29.0", "+1.0", "1.0", "2.0", "0.50", "1.0000", "1.0000", "1.25")
    ]
    assert lines[3].split() == ["resnet8", "failed:", "not", "there"]
    assert len(lines) == 4


def test_ours_is_the_file_of_their_kind() -> None:
    """With the inputs and outputs of theirs, whatever else was measured of the task."""
    other = row(tflite=Made(reason="no"), file=None)
    assert rivals_table([other]) == rivals_table([row()])


def test_a_rival_that_was_not_timed() -> None:
    theirs = rival()
    line = rivals_table([row(rival=replace(theirs, file=replace(theirs.file, latency=None)))]).splitlines()[
        -1
    ]
    cells = _cells(line, TASK_WIDTH)
    assert len(cells) == len(RIVALS)
    assert cells[-3:] == ["1.0000", "-", "1.00"]


def test_what_the_delegate_leaves_is_named() -> None:
    lines = kernels_table(report()).splitlines()
    assert [line.split()[0] for line in lines[2:]] == ["net", "mobilenetv2", "theirs.tflite"]
    for line in lines[2:]:
        assert _cells(line, FLOAT_NAME_WIDTH) == ["3", "2", "1", "1", "ADD"]
    whole = replace(FILE, kernels=Kernels(operators={"ADD": 1}, partitions=1, delegated=1, outside={}))
    assert kernels_table(report(floats=(replace(FLOAT, file=whole),))).splitlines()[2].endswith("1      1  -")


def test_many_kinds_that_are_left_need_lines_of_their_own() -> None:
    kinds = {f"KIND_OF_OPERATOR_{number}": number for number in range(1, 9)}
    file = replace(FILE, kernels=Kernels(operators=kinds, partitions=1, delegated=0, outside=kinds))
    lines = kernels_table(report(floats=(replace(FLOAT, file=file),), tasks=())).splitlines()[2:]
    assert len(lines) > 1
    start = lines[0].index("1 KIND")
    assert all(line[:start].isspace() for line in lines[1:])
    assert "".join(line[start:] + " " for line in lines).split(", ") == [
        f"{number} {kind}" for kind, number in list(kinds.items())[:-1]
    ] + ["8 KIND_OF_OPERATOR_8 "]


def test_the_old_runtime() -> None:
    failed = row(task="kws_dscnn", file=replace(FILE, old=OldRun(reason="no")))
    better = row(file=replace(FILE, old=OldRun(steps=1.0, usual_steps=9.0, lost_db=-0.5)))
    text = old_table([better, failed, row(task="other", file=None)]).replace("\n", " ")
    assert text.endswith(": mobilenetv2 1.00 (9.00; +0.5 dB), kws_dscnn failed (-; - dB)")
    assert old_table([]).endswith(": -")


def test_the_closing_names_what_is_missed() -> None:
    text = closing(
        report(flatbuffer=Flatbuffer(task="mobilenetv2", seconds=0.75, cpu_seconds=0.25, load=1.26))
    )
    assert text.startswith(
        "mobilenetv2: 0.750 s to write the file, 0.250 s of the processor, load average 1.3\n"
    )
    assert "2026-01-02 03:04 UTC; a 1\n" in text
    assert text.endswith(
        "missed:\n- mobilenetv2: the file takes 0.75 s (processor 0.25 s) to write, 0.5 s at most"
    )
    assert closing(report()).endswith("missed: none")
    assert max(map(len, text.splitlines())) <= WIDTH


@given(st.text(min_size=1), st.text(), st.dictionaries(st.text(min_size=1), st.integers(1, 999)))
def test_any_name_reason_and_operator_keep_the_width(name: str, reason: str, kinds: dict[str, int]) -> None:
    file = replace(FILE, kernels=Kernels(operators=kinds, partitions=1, delegated=0, outside=kinds))
    parts: dict[str, Any] = {"floats": (replace(FLOAT, model=name, file=file),), "tasks": ()}
    tables = [
        floats_table([FloatRow(model=name, reason=reason)]),
        int8_table([row(task=name, onnx=Made(reason=reason))]),
        rivals_table([row(task=name, rival=None, rival_reason=reason)]),
        kernels_table(report(**parts)),
    ]
    for table in tables:
        assert all(len(line) <= WIDTH for line in table.split("\n"))
