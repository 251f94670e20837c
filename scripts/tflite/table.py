"""The results as text of at most 100 columns."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence

from scripts.quantization.table import KB, MB, MISSING, PERCENT, WIDTH, number
from scripts.tflite.partitions import Kernels
from scripts.tflite.results import File, FloatRow, Int8Row, OldRun, TfliteReport, missed_bars

Columns = Sequence[tuple[str, int]]

FLOAT_NAME_WIDTH, TASK_WIDTH = 37, 12
FLOATS: Columns = (("error", 9), ("kB", 7), ("ORT ms", 9), ("LiteRT ms", 10), ("faster", 8), ("2.14", 8))
INT8: Columns = (
    *(("ONNX dB", 8), ("dB", 6), ("more", 6), ("agree", 7), ("metric", 7), ("kB", 6), ("int %", 6)),
    *(("conv s", 7), ("cpu s", 6), ("MB", 5), ("float ms", 9), ("int8 ms", 8), ("faster", 7)),
)
RIVALS: Columns = (
    *(("dB", 7), ("theirs", 8), ("more", 7), ("kB", 7), ("theirs", 8), ("ratio", 7)),
    *(("ms", 9), ("theirs", 9), ("faster", 8)),
)
KERNELS: Columns = (("operators", 10), ("XNNPACK", 8), ("pieces", 7))
LEGEND = """\
error: largest difference from ONNX Runtime's output over the largest value. ORT ms, LiteRT ms, float ms, \
int8 ms: median time of the processor on one thread, both in turns in one process. faster: median over the \
turns of the first one's time over the second's. 2.14: distance from tflite-runtime 2.14's outputs in steps, \
both without delegates (of a float output 1e-4 of its largest value, 1/255 after integers). ONNX dB, dB: \
SQNR of the ONNX and the TFLite model's first output against float's; more: what the TFLite one has more. \
agree: same top class as float. int %: share of the file's multiply-accumulates that are integer. conv s, \
cpu s, MB: wall and processor time and peak memory of the whole build of the TFLite model. XNNPACK: \
operators that the delegate takes, in so many pieces of the graph."""


def floats_table(rows: Sequence[FloatRow]) -> str:
    """A line for each float model."""
    lines = ["float32: from ONNX and TFLite models to TFLite", _heading(FLOAT_NAME_WIDTH, FLOATS)]
    return "\n".join(
        [*lines, *(_line(row.model, FLOAT_NAME_WIDTH, FLOATS, _float(row), row.reason) for row in rows)]
    )


def _float(row: FloatRow) -> list[str]:
    file, reference = row.file, row.reference
    latency = file.latency if file else None
    return [
        MISSING if row.error is None else f"{row.error:.1e}",
        number(file.size_bytes if file else None, 0, unit=KB),
        number(reference.cpu_ms if reference else None, 3),
        number(latency.cpu_ms if latency else None, 3),
        number(latency.ratio if latency else None, 2),
        _old(file.old if file else None),
    ]


def int8_table(rows: Sequence[Int8Row]) -> str:
    """A line for each task; what failed stands below in a line of its own."""
    loads = ", ".join(f"{row.load:.1f}" for row in rows)
    lines = [f"int8 for raspberry-pi-4, load averages {loads}", _heading(TASK_WIDTH, INT8)]
    for row in rows:
        lines.append(_line(row.task, TASK_WIDTH, INT8, _int8(row), row.tflite.reason))
        if row.onnx.reason is not None and row.tflite.reason is None:
            lines.append(_line("  onnx", TASK_WIDTH, INT8, [], row.onnx.reason))
    return "\n".join(lines)


def _int8(row: Int8Row) -> list[str]:
    onnx, score, cost, file = row.onnx.score, row.tflite.score, row.tflite.cost, row.file
    latency, reference = file.latency if file else None, row.reference
    return [
        number(onnx.sqnr_db if onnx else None, 1),
        number(score.sqnr_db if score else None, 1),
        number(score.sqnr_db - onnx.sqnr_db if score and onnx else None, 1, sign="+"),
        number(score.agreement if score else None, 3),
        number(score.converted if score else None, 4),
        number(file.size_bytes if file else None, 0, unit=KB),
        number(file.integer_share if file else None, 1, unit=PERCENT),
        number(cost.seconds if cost else None, 1),
        number(cost.cpu_seconds if cost else None, 1),
        number(cost.peak_bytes if cost else None, 0, unit=MB),
        number(reference.cpu_ms if reference else None, 3),
        number(latency.cpu_ms if latency else None, 3),
        number(latency.ratio if latency else None, 2),
    ]


def rivals_table(rows: Sequence[Int8Row]) -> str:
    """A line for each task of which MLPerf Tiny has an int8 file."""
    lines = [
        "int8 beside MLPerf Tiny's own files, inputs and outputs as theirs",
        _heading(TASK_WIDTH, RIVALS),
    ]
    compared = (row for row in rows if row.rival is not None or row.rival_reason is not None)
    return "\n".join(
        [*lines, *(_line(row.task, TASK_WIDTH, RIVALS, _rival(row), row.rival_reason) for row in compared)]
    )


def _rival(row: Int8Row) -> list[str]:
    rival = row.rival
    if rival is None:
        return [MISSING] * len(RIVALS)
    ours, theirs = rival.ours, rival.file
    return [
        number(ours.score.sqnr_db, 1),
        number(rival.score.sqnr_db, 1),
        number(ours.score.sqnr_db - rival.score.sqnr_db, 1, sign="+"),
        number(ours.size_bytes, 1, unit=KB),
        number(theirs.size_bytes, 1, unit=KB),
        number(ours.size_bytes / theirs.size_bytes, 2),
        number(ours.latency.cpu_ms, 4),
        number(theirs.latency.cpu_ms if theirs.latency else None, 4),
        number(ours.latency.ratio, 2),
    ]


def kernels_table(report: TfliteReport) -> str:
    """A line for each file: what XNNPACK takes, and the kinds that it leaves."""
    files: list[tuple[str, File]] = [(row.model, row.file) for row in report.floats if row.file]
    for row in report.tasks:
        files += [(f"{row.task} int8", row.file)] if row.file else []
        files += [(row.rival.name, row.rival.file)] if row.rival else []
    heading = f"{_heading(FLOAT_NAME_WIDTH, KERNELS)}  left out"
    lines = ["operators and XNNPACK", heading]
    return "\n".join([*lines, *(_kernels(name, file.kernels) for name, file in files)])


def _kernels(name: str, found: Kernels) -> str:
    cells = [str(found.count), str(found.delegated), str(found.partitions)]
    left = ", ".join(f"{count} {kind}" for kind, count in found.outside.items()) or MISSING
    line = f"{_line(name, FLOAT_NAME_WIDTH, KERNELS, cells, None)}  "
    further = " " * len(line)
    return textwrap.fill(line + left, WIDTH, subsequent_indent=further, drop_whitespace=True)


def old_table(rows: Sequence[Int8Row]) -> str:
    """The int8 files in tflite-runtime 2.14, all in one line."""
    files = [(row.task, row.file.old) for row in rows if row.file and row.file.old]
    found = ", ".join(f"{task} {_old(old)} ({_as_usual(old)})" for task, old in files)
    what = "int8 in tflite-runtime 2.14, distance in steps (with delegates; SQNR to LiteRT's)"
    return _wrapped(f"{what}: {found or MISSING}")


def _as_usual(old: OldRun) -> str:
    lead_db = None if old.lost_db is None else -old.lost_db
    return f"{number(old.usual_steps, 2)}; {number(lead_db, 1, sign='+')} dB"


def closing(report: TfliteReport) -> str:
    """What follows the tables: versions, what columns mean, and what is not good enough."""
    versions = ", ".join(f"{name} {version}" for name, version in report.versions.items())
    written = report.flatbuffer
    parts = []
    if written is not None:
        spent = f"{written.seconds:.3f} s to write the file, {written.cpu_seconds:.3f} s of the processor"
        parts.append(f"{written.task}: {spent}, load average {written.load:.1f}")
    parts += [_wrapped(f"{report.date}; {versions}"), _wrapped(LEGEND)]
    missed = missed_bars(report)
    parts.append(
        "\n".join(["missed:", *(_wrapped(f"- {one}") for one in missed)]) if missed else "missed: none"
    )
    return "\n\n".join(parts)


def _old(run: OldRun | None) -> str:
    if run is None:
        return MISSING
    return "failed" if run.reason is not None else number(run.steps, 2)


def _heading(name_width: int, columns: Columns) -> str:
    return (" " * name_width + "".join(name.rjust(width) for name, width in columns)).rstrip()


def _line(name: str, name_width: int, columns: Columns, cells: Sequence[str], reason: str | None) -> str:
    start = f"{name[: name_width - 1]:<{name_width}}"
    if reason is not None:
        said = " ".join(reason.split())
        return start + textwrap.shorten(f"failed: {said}", WIDTH - name_width, placeholder=" …")
    padded = (cell.rjust(width) for cell, (_, width) in zip(cells, columns, strict=True))
    return (start + "".join(padded)).rstrip()


def _wrapped(text: str) -> str:
    return textwrap.fill(text, WIDTH)
