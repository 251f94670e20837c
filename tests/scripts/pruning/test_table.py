"""The table of the pruning benchmark."""

from __future__ import annotations

from scripts.pruning.candidates import Row, TaskResult
from scripts.pruning.table import COLUMNS, NAME_WIDTH, WIDTH, bars, legend, task_table
from scripts.quantization.tasks import Score
from scripts.quantization.timing import Latency


def row(candidate: str, share: float, converted: float, ratio: float = 1.0, *, wall_ms: float = 2.0) -> Row:
    score = Score(
        metric="top-1", samples=100, converted=converted, sqnr_db=12.34, float_metric=0.8, agreement=0.9
    )
    latency = Latency(wall_ms=wall_ms / ratio, cpu_ms=wall_ms / ratio, ratio=ratio)
    return Row(candidate, share, share, 1_000_000, score, latency)


def result(*rows: Row) -> TaskResult:
    return TaskResult(task="tiny", metric="top-1", samples=100, rows=rows, load=0.5)


FLOAT = row("float", 0.0, 0.8)


def test_a_row_stands_under_its_headings() -> None:
    lines = task_table(result(FLOAT, row("edgeinfer", 0.2, 0.75, 1.25))).splitlines()
    assert lines[0] == "tiny: top-1 on 100 samples, load average 0.5"
    assert max(map(len, lines)) <= WIDTH
    cells = lines[4][NAME_WIDTH:].split()
    assert len(cells) == len(COLUMNS)
    assert cells == ["20.0%", "1.0", "0.7500", "+5.00", "0.9000", "12.3", "1.600", "1.600", "20.0%"]


def test_shares_stand_apart() -> None:
    rows = [row("edgeinfer", 0.1, 0.8), row("magnitude", 0.1, 0.7), row("edgeinfer", 0.3, 0.6)]
    lines = task_table(result(FLOAT, *rows)).splitlines()
    assert [index for index, line in enumerate(lines) if not line] == [3, 6]


def test_bars_hold_or_are_missed() -> None:
    held = result(FLOAT, row("edgeinfer", 0.2, 0.7, 1.25), row("magnitude", 0.2, 0.2))
    assert [line.split(":")[0] for line in bars(held)] == ["", "held", "held"]
    missed = result(FLOAT, row("edgeinfer", 0.2, 0.7, 1.05), row("magnitude", 0.2, 0.6))
    assert [line.split(":")[0] for line in bars(missed)] == ["", "MISSED", "MISSED"]


def test_the_bar_is_held_against_the_better_magnitude() -> None:
    ours, plain = row("edgeinfer", 0.2, 0.7, 1.25), row("magnitude", 0.2, 0.2)
    found = bars(result(FLOAT, ours, plain, row("magnitude, all", 0.2, 0.56)))
    assert found[1] == "MISSED: loses 10.00%, a third of magnitude's loss is 8.00%"


def test_small_models_have_no_bar_for_their_time() -> None:
    found = result(
        row("float", 0.0, 0.8, wall_ms=0.5), row("edgeinfer", 0.2, 0.7, 1.0), row("magnitude", 0.2, 0.1)
    )
    assert len(bars(found)) == 2


def test_without_the_share_of_the_bars_there_are_none() -> None:
    assert bars(result(FLOAT, row("edgeinfer", 0.3, 0.7), row("magnitude", 0.3, 0.1))) == []


def test_a_failure_says_why() -> None:
    failed = Row("edgeinfer", 0.9, 0.0, 0, reason="no more than 80% of this model can be removed")
    text = task_table(result(FLOAT, failed))
    assert "failed: no more than 80%" in text
    assert bars(result(FLOAT, failed)) == []


def test_the_legend_names_the_columns() -> None:
    assert all(name in legend().replace("\n", " ") for name in ("MACs gone", "drop", "agree", "time gone"))
    assert max(map(len, legend().splitlines())) <= WIDTH
