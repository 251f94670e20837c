"""The results as text of at most 100 columns."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence

from scripts.quantization.results import Limits, Memory, Report, Row, TaskResult

WIDTH = 100
NAME_WIDTH = 15
MISSING = "-"
COLUMNS = (
    ("metric", 8),
    ("drop", 9),
    ("agree", 7),
    ("SQNR dB", 8),
    ("kB", 7),
    ("conv s", 8),
    ("peak MB", 8),
    ("int %", 7),
    ("wall ms", 8),
    ("cpu ms", 8),
    ("faster", 7),
)
LEGEND = """\
metric: as zoo.py scores it. drop: float's minus this one's. agree: same top class as float. SQNR: of the \
first output against float's. conv s, peak MB: the whole process of the converter. int %: share of \
multiply-accumulates that ONNX Runtime computes with integer kernels. wall ms, cpu ms: medians on one \
thread, all candidates in turns in one process; cpu ms leaves out what other programs took. faster: median \
over the turns of float's cpu time over this one's."""
MB = 1e6
KB = 1e3
PERCENT = 0.01


def closing(report: Report, notes: Sequence[str] = ()) -> str:
    """What follows the tables of the tasks: what was compared, what the columns mean, the extras, notes."""
    versions = ", ".join(f"{name} {version}" for name, version in report.versions.items())
    parts = [_wrapped(f"{report.date}, profile {report.profile}; {versions}")]
    parts += [_wrapped(LEGEND)] if report.tasks else []
    parts += [limits_table(report.limits)] if report.limits else []
    parts += [memory_table(report.memory)] if report.memory else []
    parts += ["\n".join(_wrapped(note) for note in notes)] if notes else []
    return "\n\n".join(parts)


def task_table(result: TaskResult) -> str:
    """A heading, then a line for each candidate."""
    load = "" if result.load is None else f", load average {result.load:.1f}"
    title = f"{result.task}: {result.metric} on {result.samples} samples{load}"
    heading = " " * NAME_WIDTH + "".join(name.rjust(width) for name, width in COLUMNS)
    return "\n".join([title, heading.rstrip(), *map(_row, result.rows)])


def _row(row: Row) -> str:
    name = f"{row.candidate[: NAME_WIDTH - 1]:<{NAME_WIDTH}}"
    if row.reason is not None:
        said = " ".join(row.reason.split())
        return name + textwrap.shorten(f"failed: {said}", WIDTH - NAME_WIDTH, placeholder=" …")
    cells = zip(_cells(row), COLUMNS, strict=True)
    return (name + "".join(cell.rjust(width) for cell, (_, width) in cells)).rstrip()


def _cells(row: Row) -> list[str]:
    score, cost, latency = row.score, row.cost, row.latency
    return [
        number(score.converted if score else None, 4),
        number(score.drop if score else None, 4, sign="+"),
        number(score.agreement if score else None, 3),
        number(score.sqnr_db if score else None, 1),
        number(row.size_bytes, 0, unit=KB),
        number(cost.seconds if cost else None, 1),
        number(cost.peak_bytes if cost else None, 0, unit=MB),
        number(row.integer_share, 1, unit=PERCENT),
        number(latency.wall_ms if latency else None, 3),
        number(latency.cpu_ms if latency else None, 3),
        number(latency.ratio if latency else None, 2),
    ]


def number(value: float | None, digits: int, *, unit: float = 1.0, sign: str = "") -> str:
    """A cell; a dash for what was not measured."""
    if value is None:
        return MISSING
    # Adding zero after rounding turns -0.0 into 0.0.
    return f"{round(value / unit, digits) + 0.0:{sign}.{digits}f}"


def limits_table(limits: Sequence[Limits]) -> str:
    """SQNR with one of the two at 8 bits."""
    lines = [
        "limits: SQNR in dB with only the weights, or only the activations, at 8 bits",
        f"{'':<{NAME_WIDTH}}{'weights, min-max':>18}{'weights':>12}{'activations':>14}{'both':>10}",
    ]
    for one in limits:
        figures = f"{one.plain_weights_db:>18.1f}{one.weights_db:>12.1f}{one.activations_db:>14.1f}"
        lines.append(f"{one.task:<{NAME_WIDTH}}{figures}{one.both_db:>10.1f}")
    return "\n".join(lines)


def memory_table(found: Sequence[Memory]) -> str:
    """Peaks of the converter, and what is allowed: 1.3 times the float model's and 150 MB."""
    lines = ["memory: peak in MB of edgeinfer-convert by calibration samples, and of running the float model"]
    for one in found:
        peaks = ", ".join(f"{count} samples {size / MB:.0f}" for count, size in one.peaks.items())
        allowed = 1.3 * one.float_bytes / MB + 150
        lines.append(
            f"{one.task:<{NAME_WIDTH}}{peaks}; float {one.float_bytes / MB:.0f} (goal: at most {allowed:.0f})"
        )
    return "\n".join(lines)


def _wrapped(text: str) -> str:
    return textwrap.fill(text, WIDTH)
