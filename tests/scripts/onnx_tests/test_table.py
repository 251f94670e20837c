"""The printed results."""

from __future__ import annotations

import pytest

from scripts.onnx_tests.expectations import Change
from scripts.onnx_tests.judging import PASS, Outcome
from scripts.onnx_tests.table import (
    MODEL,
    WIDTH,
    changes_table,
    failures,
    operator_of,
    refused_operators,
    summary,
)


def refused(reason: str) -> Outcome:
    return Outcome(verdict="refused", reason=reason)


OUTCOMES = {
    "node": {
        "a": PASS,
        "b": refused("Det `det` (output `y`): no equal is known"),
        "c": refused("Abs `abs` (output `y`): no equal is known"),
        "d": refused("Det `det` (output `z`): no equal is known"),
        "e": Outcome(verdict="crash", reason="SIGSEGV"),
    },
    "pytorch-operator": {"f": PASS, "g": Outcome(verdict="time-out", reason="not done after 20 s")},
}


def test_a_line_for_each_kind_and_the_operators() -> None:
    assert summary(OUTCOMES).splitlines() == [
        "                        tests      pass   refused     wrong     crash  time-out",
        "node                        5         1         3         0         1         0",
        "pytorch-operator            2         1         0         0         0         1",
        "",
        "refused: Det 2, Abs 1",
    ]


def test_without_refusals_there_are_no_operators() -> None:
    assert "refused:" not in summary({"node": {"a": PASS}})


def test_many_operators_are_wrapped() -> None:
    many = {str(place): refused(f"Operator{place} `x`: none") for place in range(40)}
    lines = summary({"node": many}).splitlines()
    assert len(lines) > 5
    assert max(map(len, lines)) <= WIDTH
    assert refused_operators({"node": many})[0] == ("Operator0", 1)


@pytest.mark.parametrize(
    ("reason", "operator"),
    [
        ("Conv `conv` (output `y`): no groups", "Conv"),
        ("the definitions of Attention cannot be expanded: Type unknown", "Attention"),
        ("input `x`: its shape is open", MODEL),
        ("", MODEL),
    ],
)
def test_the_operator_of_a_refusal(reason: str, operator: str) -> None:
    assert operator_of(reason) == operator


def test_what_is_worse_than_refused_is_listed() -> None:
    assert failures(OUTCOMES) == [
        "node/e: crash: SIGSEGV",
        "pytorch-operator/g: time-out: not done after 20 s",
    ]


def test_changes_say_what_was_expected() -> None:
    some = [
        Change(kind="node", name="a", expected="refused: none", found="pass"),
        Change(kind="node", name="b", expected="pass", found=""),
        Change(kind="node", name="c", expected="", found="pass"),
    ]
    assert changes_table(some) == [
        "fixed: node/a: pass (expected: refused: none)",
        "gone: node/b: no such test (expected: pass)",
        "new: node/c: pass (expected: no such test)",
    ]
