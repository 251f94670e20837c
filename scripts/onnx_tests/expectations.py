"""What is expected of each test: a file with a line for each, so that a change of it reads well.

Law: `parse(dump(x)) == x`, and the same expectations give the same bytes.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from pathlib import Path

import onnx

from edgeinfer.strict import Struct, decode_json, encode_json
from scripts.onnx_tests.judging import PASS, Outcome

PATH = Path(__file__).with_name("expected.json")

Outcomes = Mapping[str, Mapping[str, Outcome]]
"""Outcomes by the kind and the name of a test."""


class Expectations(Struct, frozen=True):
    """Outcomes as `verdict` or `verdict: reason`, by kind and name of the test, and the onnx they are of."""

    onnx: str
    tests: dict[str, dict[str, str]]


class Change(Struct, frozen=True):
    """A test that came out differently; `expected` or `found` is empty where there is no such test."""

    kind: str
    name: str
    expected: str
    found: str

    @property
    def verdict(self) -> str:
        """What has become of it."""
        if not self.found:
            return "gone"
        if not self.expected:
            return "new"
        if self.found == PASS.verdict:
            return "fixed"
        return "regressed" if self.expected == PASS.verdict else "changed"


def expectations_of(outcomes: Outcomes) -> Expectations:
    """What would be expected after this run."""
    tests = {
        kind: {name: text_of(outcome) for name, outcome in sorted(those.items())}
        for kind, those in sorted(outcomes.items())
    }
    return Expectations(onnx=onnx.__version__, tests=tests)


def text_of(outcome: Outcome) -> str:
    """An outcome on one line."""
    return f"{outcome.verdict}: {outcome.reason}" if outcome.reason else outcome.verdict


def dump(expectations: Expectations) -> bytes:
    """The file's text."""
    return encode_json(expectations, indent=1) + b"\n"


def parse(data: bytes, where: str = PATH.name) -> Expectations:
    """The inverse of `dump`. Raises SettingsError."""
    return decode_json(data, Expectations, where)


def changes(expected: Expectations, found: Expectations, *, whole: Collection[str] = ()) -> list[Change]:
    """What differs, by kind and name.

    Tests that were not run count only for the kinds in `whole`: there they are gone.
    """
    return [
        change
        for kind in sorted({*expected.tests, *found.tests})
        for change in _changes(kind, expected, found, whole=kind in whole)
    ]


def updated(expected: Expectations, found: Expectations, *, whole: Collection[str] = ()) -> Expectations:
    """The expectations with what was found; all of a kind in `whole` is replaced."""
    tests = {kind: those for kind, those in expected.tests.items() if kind not in whole}
    for kind, those in found.tests.items():
        tests[kind] = dict(sorted({**tests.get(kind, {}), **those}.items()))
    return Expectations(onnx=found.onnx, tests=dict(sorted(tests.items())))


def _changes(kind: str, expected: Expectations, found: Expectations, *, whole: bool) -> Iterator[Change]:
    wanted, those = expected.tests.get(kind, {}), found.tests.get(kind, {})
    for name in sorted({*wanted, *those} if whole else those):
        before, now = wanted.get(name, ""), those.get(name, "")
        if before != now:
            yield Change(kind=kind, name=name, expected=before, found=now)
