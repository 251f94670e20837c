"""The results as text of at most 110 columns."""

from __future__ import annotations

import re
import textwrap
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import get_args

from scripts.onnx_tests.expectations import Change, Outcomes
from scripts.onnx_tests.judging import Verdict

VERDICTS: tuple[str, ...] = get_args(Verdict)
WIDTH = 110
KIND_WIDTH = 19
NUMBER_WIDTH = 10
MODEL = "(the model)"
"""Stands for the operator where a model is refused as a whole."""

_NAMED = re.compile(r"(?:the definitions of )?(?P<operator>[A-Z]\w*) ")


def summary(outcomes: Outcomes) -> str:
    """A line for each kind, then the operators that are refused."""
    heads = ["tests", *VERDICTS]
    lines = [" " * KIND_WIDTH + "".join(head.rjust(NUMBER_WIDTH) for head in heads)]
    for kind, those in outcomes.items():
        counts: Counter[str] = Counter(outcome.verdict for outcome in those.values())
        numbers = [len(those), *(counts[verdict] for verdict in VERDICTS)]
        lines.append(kind.ljust(KIND_WIDTH) + "".join(str(one).rjust(NUMBER_WIDTH) for one in numbers))
    refused = refused_operators(outcomes)
    return "\n".join([*lines, *(["", *_listed(refused)] if refused else [])])


def refused_operators(outcomes: Outcomes) -> list[tuple[str, int]]:
    """How many tests are refused for each operator, the most first."""
    counts = Counter(
        operator_of(outcome.reason)
        for those in outcomes.values()
        for outcome in those.values()
        if outcome.verdict == "refused"
    )
    return sorted(counts.items(), key=lambda item: (-item[1], item[0]))


def operator_of(reason: str) -> str:
    """The operator that a refusal names first."""
    named = _NAMED.match(reason)
    return named["operator"] if named else MODEL


def _listed(counts: Sequence[tuple[str, int]]) -> list[str]:
    text = ", ".join(f"{operator} {count}" for operator, count in counts)
    return textwrap.wrap(f"refused: {text}", WIDTH, subsequent_indent="  ")


def failures(outcomes: Outcomes) -> list[str]:
    """A line for each test that came out worse than refused."""
    return [
        f"{kind}/{name}: {outcome.verdict}: {outcome.reason}"
        for kind, those in outcomes.items()
        for name, outcome in those.items()
        if outcome.verdict not in ("pass", "refused")
    ]


def changes_table(found: Iterable[Change]) -> list[str]:
    """A line for each test that came out differently."""
    return [_line(change) for change in found]


def _line(change: Change) -> str:
    sides = [change.expected or "no such test", change.found or "no such test"]
    return f"{change.verdict}: {change.kind}/{change.name}: {sides[1]} (expected: {sides[0]})"
