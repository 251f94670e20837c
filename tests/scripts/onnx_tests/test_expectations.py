"""What is expected, and what differs from it."""

from __future__ import annotations

import onnx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgeinfer.errors import SettingsError
from scripts.onnx_tests.expectations import (
    PATH,
    Change,
    Expectations,
    changes,
    dump,
    expectations_of,
    parse,
    text_of,
    updated,
)
from scripts.onnx_tests.judging import PASS, Outcome

REFUSED = Outcome(verdict="refused", reason="no equal")
TEXTS = st.dictionaries(st.text(max_size=5), st.dictionaries(st.text(max_size=8), st.text(max_size=8)))


def expecting(**tests: str) -> Expectations:
    return Expectations(onnx="1.2.3", tests={"node": tests})


@given(TEXTS)
def test_written_and_read(tests: dict[str, dict[str, str]]) -> None:
    expectations = Expectations(onnx="1.2.3", tests=tests)
    assert parse(dump(expectations)) == expectations


def test_the_file_has_a_line_for_each_test_in_their_order() -> None:
    found = expectations_of({"pytorch": {"c": PASS}, "node": {"b": REFUSED, "a": PASS}})
    assert found.onnx == onnx.__version__
    assert dump(found).decode().splitlines()[2:] == [
        ' "tests": {',
        '  "node": {',
        '   "a": "pass",',
        '   "b": "refused: no equal"',
        "  },",
        '  "pytorch": {',
        '   "c": "pass"',
        "  }",
        " }",
        "}",
    ]


def test_what_is_no_such_file_is_refused() -> None:
    with pytest.raises(SettingsError, match=r"expected\.json"):
        parse(b'{"onnx": "1"}')


def test_an_outcome_is_a_line() -> None:
    assert text_of(PASS) == "pass"
    assert text_of(REFUSED) == "refused: no equal"


@pytest.mark.parametrize(
    ("expected", "found", "verdict"),
    [
        ("refused: no equal", "pass", "fixed"),
        ("pass", "refused: no equal", "regressed"),
        ("pass", "crash: SIGSEGV", "regressed"),
        ("refused: no equal", "refused: other", "changed"),
        ("refused: no equal", "wrong: numbers", "changed"),
        ("pass", "", "gone"),
        ("", "pass", "new"),
        ("", "refused: no equal", "new"),
    ],
)
def test_changes_have_names(expected: str, found: str, verdict: str) -> None:
    assert Change(kind="node", name="a", expected=expected, found=found).verdict == verdict


def test_only_differences_are_changes() -> None:
    before, now = expecting(a="pass", b="pass", gone="pass"), expecting(b="wrong: x", a="pass", new="pass")
    found = changes(before, now, whole=["node"])
    assert [(one.name, one.verdict) for one in found] == [
        ("b", "regressed"),
        ("gone", "gone"),
        ("new", "new"),
    ]
    assert changes(before, before, whole=["node"]) == []


def test_tests_that_were_not_run_are_not_gone() -> None:
    before, now = expecting(a="pass", b="pass"), expecting(a="refused: x")
    assert [one.name for one in changes(before, now)] == ["a"]
    assert [one.name for one in changes(before, now, whole=["pytorch-operator"])] == ["a"]


def test_kinds_are_apart() -> None:
    now = Expectations(onnx="1", tests={"other": {"a": "pass"}})
    found = changes(expecting(a="pass"), now, whole=["node", "other"])
    assert [(one.kind, one.verdict) for one in found] == [("node", "gone"), ("other", "new")]


@given(TEXTS, TEXTS)
def test_after_an_update_nothing_differs(
    before: dict[str, dict[str, str]], now: dict[str, dict[str, str]]
) -> None:
    found = Expectations(onnx="2", tests=now)
    for whole in ([], list(now)):
        fresh = updated(Expectations(onnx="1", tests=before), found, whole=whole)
        assert changes(fresh, found, whole=whole) == []
        assert fresh.onnx == "2"


def test_an_update_of_some_keeps_the_others() -> None:
    before, now = expecting(b="pass", c="pass"), expecting(a="pass", b="refused: x")
    assert updated(before, now).tests == {"node": {"a": "pass", "b": "refused: x", "c": "pass"}}
    assert list(updated(before, now).tests["node"]) == ["a", "b", "c"]
    assert updated(before, now, whole=["node"]).tests == now.tests


def test_the_committed_file_is_as_it_would_be_written() -> None:
    data = PATH.read_bytes()
    expectations = parse(data)
    assert dump(expectations) == data
    for tests in expectations.tests.values():
        assert list(tests) == sorted(tests)
        assert {text.partition(":")[0] for text in tests.values()} <= {"pass", "refused"}
