"""ONNX's own backend tests through our TFLite files and LiteRT, against what is expected of each.

    scripts/bench onnx_tests [PREFIX ...] [--kind KIND ...] [--update] [--json]

The exit code is 1 if a test comes out differently from scripts/onnx_tests/expected.json. docs/benchmarks.md
explains the table.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable
from pathlib import Path

import onnx

from edgeinfer.errors import UsageError
from edgeinfer.exits import Exit, run_program
from edgeinfer.files import write_atomically
from edgeinfer.host import available_cores
from edgeinfer.strict import Struct, encode_json
from scripts.onnx_tests.cases import KINDS, Case, load_cases
from scripts.onnx_tests.expectations import (
    PATH,
    Change,
    Expectations,
    Outcomes,
    changes,
    dump,
    expectations_of,
    updated,
)
from scripts.onnx_tests.expectations import parse as load_expectations
from scripts.onnx_tests.judging import Outcome
from scripts.onnx_tests.table import changes_table, failures, summary
from scripts.onnx_tests.workers import judge_all


class Report(Struct, frozen=True):
    """What `--json` prints."""

    onnx: str
    outcomes: Outcomes
    changes: list[Change]


def main() -> int:
    """Run, compare and print."""
    return run_program("bench", _run)


def _run() -> int:
    arguments = parse()
    cases = [case for kind in arguments.kind for case in load_cases(kind, arguments.prefixes)]
    if not cases:
        raise UsageError("no test has such a name", hint="without names all tests are run")
    outcomes = run(cases)
    whole = () if arguments.prefixes else arguments.kind
    found = expectations_of(outcomes)
    before = read_expectations(arguments.expected)
    if arguments.update:
        before = updated(before, found, whole=whole)
        write_atomically(arguments.expected, dump(before))
    differing = changes(before, found, whole=whole)
    _print(arguments, outcomes, differing, before.onnx)
    return Exit.FAILED if differing else Exit.DONE


def run(cases: Iterable[Case]) -> dict[str, dict[str, Outcome]]:
    """The outcomes by kind and name, a process for each core."""
    outcomes: dict[str, dict[str, Outcome]] = {}
    for case, outcome in judge_all(tuple(cases), available_cores()):
        outcomes.setdefault(case.kind, {})[case.name] = outcome
    return outcomes


def read_expectations(path: Path) -> Expectations:
    """The file, or no expectations where there is none yet. Raises SettingsError."""
    return load_expectations(path.read_bytes(), path.name) if path.exists() else expectations_of({})


def _print(
    arguments: argparse.Namespace, outcomes: Outcomes, differing: list[Change], expected_onnx: str
) -> None:
    if arguments.json:
        print(
            encode_json(
                Report(onnx=onnx.__version__, outcomes=outcomes, changes=differing), indent=2
            ).decode()
        )
        return
    print(f"onnx {onnx.__version__}\n\n{summary(outcomes)}")
    for lines in (failures(outcomes), changes_table(differing)):
        print("\n".join(["", *lines]) if lines else "", end="\n" if lines else "")
    if differing and expected_onnx != onnx.__version__:
        print(f"\n{arguments.expected.name} is of onnx {expected_onnx}: tests differ between versions")


def parse(words: list[str] | None = None) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(
        prog="bench onnx_tests", description="ONNX's backend tests through our TFLite files and LiteRT."
    )
    parser.add_argument("prefixes", nargs="*", metavar="PREFIX", help="only tests whose names start so")
    parser.add_argument("--kind", action="append", choices=KINDS, help="only these; may be repeated")
    parser.add_argument("--update", action="store_true", help="make what is found what is expected")
    parser.add_argument("--expected", type=Path, default=PATH, metavar="FILE", help=f"instead of {PATH.name}")
    parser.add_argument("--json", action="store_true", help="print one JSON document")
    arguments = parser.parse_args(words)
    arguments.kind = arguments.kind or list(KINDS)
    return arguments


if __name__ == "__main__":
    sys.exit(main())
