"""Compare the results of a run with the marked anomalies.

    edgeinfer run BUNDLE --source csv:///.../evaluate.csv --json | python -m scripts.anomaly.judge FOLDER

Counts the stretches of marked rows in which at least one window was reported, and the false alarms:
reported windows without a marked row, and how many times such an alarm began.
"""

from __future__ import annotations

import argparse
import csv
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from edgeinfer.exits import run_program
from edgeinfer.processing.spec import WindowInput, parse_pipeline_toml
from edgeinfer.strict import Struct, decode_json
from scripts.anomaly.series import LABEL

Marks = npt.NDArray[np.bool_]


class Line(Struct, frozen=True, forbid_unknown_fields=False):
    """What is needed of a result."""

    anomalous: bool


@dataclass(frozen=True)
class Judgement:
    """`found` of `stretches` anomalies by `true_windows` of the `anomalous_windows` that touch one;
    `false_windows` of `normal_windows` in `alarms` separate alarms.
    """

    found: int
    stretches: int
    true_windows: int
    anomalous_windows: int
    false_windows: int
    normal_windows: int
    alarms: int

    def __str__(self) -> str:
        return (
            f"{self.found} of {self.stretches} anomalies found, by {self.true_windows} of"
            f" {self.anomalous_windows} windows in them\n"
            f"{self.alarms} false alarms, {self.false_windows} of {self.normal_windows} normal windows"
        )


def judge(reported: Marks, marked: Marks, length: int, stride: int) -> Judgement:
    """`reported` is (windows,), `marked` (rows,)."""
    starts = np.arange(len(reported)) * stride
    touched = np.array([bool(marked[start : start + length].any()) for start in starts], bool)
    stretches = list(_stretches(marked))
    overlaps = [(starts < stop) & (starts + length > start) for start, stop in stretches]
    false = reported & ~touched
    return Judgement(
        found=sum(bool((reported & overlap).any()) for overlap in overlaps),
        stretches=len(stretches),
        true_windows=int((reported & touched).sum()),
        anomalous_windows=int(touched.sum()),
        false_windows=int(false.sum()),
        normal_windows=int((~touched).sum()),
        alarms=sum(1 for _ in _stretches(false)),
    )


def _stretches(marks: Marks) -> Iterable[tuple[int, int]]:
    """First and one past the last of each run of marked rows."""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], marks, [False]]).astype(np.int8)))
    return [(int(start), int(stop)) for start, stop in edges.reshape(-1, 2)]


def main() -> int:
    """Read results from stdin and print the judgement."""
    return run_program("judge", _run)


def _run() -> int:
    parser = argparse.ArgumentParser(description="Compare results on stdin with the marked anomalies.")
    parser.add_argument("folder", type=Path, help="what scripts.anomaly.train has written")
    folder = parser.parse_args().folder
    path = folder / "pipeline.toml"
    window = parse_pipeline_toml(path.read_bytes(), str(path)).input[0]
    assert isinstance(window, WindowInput)
    with (folder / "evaluate.csv").open(newline="", encoding="utf-8") as stream:
        marked = np.array([row[LABEL] == "1" for row in csv.DictReader(stream)], bool)
    lines = [decode_json(line, Line, "stdin") for line in sys.stdin.buffer]
    reported = np.array([line.anomalous for line in lines], bool)
    print(judge(reported, marked, window.length, window.stride))
    return 0


if __name__ == "__main__":
    sys.exit(main())
