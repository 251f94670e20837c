"""The results as text of at most 100 columns."""

from __future__ import annotations

import textwrap

from scripts.pruning.candidates import ACROSS, FLOAT, MAGNITUDE, OURS, Row, TaskResult

WIDTH = 100
COLUMNS = (
    ("MACs gone", 11),
    ("M MACs", 9),
    ("metric", 9),
    ("drop", 8),
    ("agree", 8),
    ("SQNR dB", 9),
    ("wall ms", 9),
    ("cpu ms", 9),
    ("time gone", 11),
)
NAME_WIDTH = 17
PERCENT = 100
BAR_SHARE, BAR_LOSS, BAR_TIME, BAR_MS = 0.2, 1 / 3, 0.7, 1.0
LEGEND = """\
MACs gone: the share of multiply-accumulates that is no more. metric: as zoo.py scores it; drop: float's \
minus this one's. agree: same top class as float. SQNR: of the first output against float's. wall ms, cpu \
ms: medians on one thread, all candidates in turns in one process. time gone: of float's cpu time. \
magnitude: the same part of each group goes; all: the least of all groups together."""


def task_table(result: TaskResult) -> str:
    """A heading, a line for each candidate, a blank one before each share, and the bars."""
    title = f"{result.task}: {result.metric} on {result.samples} samples, load average {result.load:.1f}"
    heading = " " * NAME_WIDTH + "".join(name.rjust(width) for name, width in COLUMNS)
    lines = [title, heading]
    share = 0.0
    for row in result.rows:
        if row.share != share:
            lines.append("")
            share = row.share
        lines.append(_line(row, result.rows[0]))
    return "\n".join([*lines, *bars(result)])


def bars(result: TaskResult) -> list[str]:
    """What the two bars are held to, and whether they hold; none where a candidate failed."""
    ours, whole = _find(result, OURS, BAR_SHARE), _find(result, FLOAT, 0.0)
    plain = [_find(result, name, BAR_SHARE) for name in (MAGNITUDE, ACROSS)]
    drops = [row.score.drop for row in plain if row is not None and row.score is not None]
    if ours is None or whole is None or ours.score is None or not drops:
        return []
    loss, limit = ours.score.drop, BAR_LOSS * min(drops)
    found = [f"{_verdict(held=loss <= limit)}: loses {loss:.2%}, a third of magnitude's loss is {limit:.2%}"]
    if ours.latency is not None and whole.latency is not None and whole.latency.wall_ms > BAR_MS:
        gone, wanted = 1 - 1 / ours.latency.ratio, BAR_TIME * ours.share_removed
        found.append(
            f"{_verdict(held=gone >= wanted)}: {gone:.1%} of the time is gone, {wanted:.1%} is the bar"
        )
    return ["", *found]


def legend() -> str:
    """What the columns mean."""
    return textwrap.fill(LEGEND, WIDTH)


def _line(row: Row, whole: Row) -> str:
    name = row.candidate.ljust(NAME_WIDTH)
    if row.score is None:
        return name + textwrap.shorten(f"failed: {row.reason}", WIDTH - NAME_WIDTH, placeholder=" …")
    score = row.score
    cells = [
        f"{row.share_removed:.1%}",
        f"{row.macs / 1e6:.1f}",
        f"{score.converted:.4f}",
        f"{PERCENT * score.drop:+.2f}",
        "-" if score.agreement is None else f"{score.agreement:.4f}",
        "-" if row is whole else f"{score.sqnr_db:.1f}",
        *_times(row),
    ]
    return name + "".join(cell.rjust(width) for cell, (_, width) in zip(cells, COLUMNS, strict=True))


def _times(row: Row) -> list[str]:
    if row.latency is None:
        return ["-", "-", "-"]
    gone = 1 - 1 / row.latency.ratio
    return [f"{row.latency.wall_ms:.3f}", f"{row.latency.cpu_ms:.3f}", f"{gone:.1%}"]


def _find(result: TaskResult, name: str, share: float) -> Row | None:
    return next((row for row in result.rows if row.candidate == name and row.share == share), None)


def _verdict(*, held: bool) -> str:
    return "held" if held else "MISSED"
