"""`scripts/bench onnx_tests`."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path

import pytest

from edgeinfer.exits import Exit
from scripts.benchmarks import onnx_tests
from scripts.benchmarks.onnx_tests import main, parse
from scripts.onnx_tests.cases import KINDS, Case
from scripts.onnx_tests.expectations import Expectations, dump
from scripts.onnx_tests.expectations import parse as load
from scripts.onnx_tests.judging import PASS, Outcome

REFUSED = Outcome(verdict="refused", reason="Det `det` (output `y`): no equal is known")


def program(
    monkeypatch: pytest.MonkeyPatch, *words: str | Path, found: Iterable[tuple[str, str, Outcome]]
) -> int:
    """Run it on fakes: tests come out as `found`, by kind and name."""
    outcomes = {Case(kind, name, b"", ()): outcome for kind, name, outcome in found}

    def load_cases(kind: str, prefixes: list[str]) -> list[Case]:
        return [
            case for case in outcomes if case.kind == kind and case.name.startswith(tuple(prefixes or [""]))
        ]

    monkeypatch.setattr(onnx_tests, "load_cases", load_cases)
    monkeypatch.setattr(
        onnx_tests, "judge_all", lambda cases, count: [(case, outcomes[case]) for case in cases]
    )
    monkeypatch.setattr("sys.argv", ["bench", *map(str, words)])
    return main()


def expecting(tmp_path: Path, **tests: str) -> tuple[str, Path]:
    """The option that names a file of expectations for node tests."""
    path = tmp_path / "expected.json"
    path.write_bytes(dump(Expectations(onnx="1.0.0", tests={"node": tests})))
    return "--expected", path


def test_what_is_expected_is_well(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    options = expecting(tmp_path, a="pass", b=f"refused: {REFUSED.reason}")
    found = [("node", "a", PASS), ("node", "b", REFUSED)]
    assert program(monkeypatch, *options, found=found) == Exit.DONE
    text = capsys.readouterr().out
    assert "node                        2         1         1" in text
    assert "refused: Det 1" in text
    assert "expected" not in text


def test_a_difference_is_told_and_fails(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    options = expecting(tmp_path, a="pass", b="refused: x", c="pass")
    found = [("node", "a", REFUSED), ("node", "b", PASS)]
    assert program(monkeypatch, *options, found=found) == Exit.FAILED
    lines = capsys.readouterr().out.splitlines()
    assert any(line.startswith("regressed: node/a: refused: Det") for line in lines)
    assert "fixed: node/b: pass (expected: refused: x)" in lines
    assert "gone: node/c: no such test (expected: pass)" in lines
    assert lines[-1] == "expected.json is of onnx 1.0.0: tests differ between versions"


def test_names_choose_tests_and_the_others_are_not_gone(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    options = expecting(tmp_path, a="pass", b="pass")
    found = [("node", "a", PASS), ("node", "b", REFUSED)]
    assert program(monkeypatch, "a", *options, found=found) == Exit.DONE
    assert program(monkeypatch, "b", *options, found=found) == Exit.FAILED
    assert program(monkeypatch, "c", *options, found=found) == Exit.USAGE
    assert "no test has such a name" in capsys.readouterr().err


def test_a_kind_alone(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    options = expecting(tmp_path, a="pass")
    found = [("node", "a", REFUSED), (KINDS[1], "b", PASS)]
    assert program(monkeypatch, "--kind", KINDS[1], *options, "--update", found=found) == Exit.DONE
    assert load(options[1].read_bytes()).tests == {"node": {"a": "pass"}, KINDS[1]: {"b": "pass"}}


def test_an_update_makes_the_found_the_expected(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    options = expecting(tmp_path, a="pass", gone="pass")
    found = [("node", "a", REFUSED)]
    assert program(monkeypatch, *options, "--update", found=found) == Exit.DONE
    assert load(options[1].read_bytes()).tests == {"node": {"a": f"refused: {REFUSED.reason}"}}
    assert program(monkeypatch, *options, found=found) == Exit.DONE
    new = "--expected", tmp_path / "new.json"
    assert program(monkeypatch, *new, found=found) == Exit.FAILED
    assert "new: node/a" in capsys.readouterr().out
    assert program(monkeypatch, *new, "--update", found=found) == Exit.DONE
    assert new[1].read_bytes() == options[1].read_bytes()


def test_one_json_document(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    options = expecting(tmp_path, a="pass")
    assert program(monkeypatch, *options, "--json", found=[("node", "a", REFUSED)]) == Exit.FAILED
    report = json.loads(capsys.readouterr().out)
    assert report["outcomes"] == {"node": {"a": {"verdict": "refused", "reason": REFUSED.reason}}}
    assert [(one["name"], one["expected"]) for one in report["changes"]] == [("a", "pass")]


def test_words() -> None:
    assert parse([]).kind == list(KINDS)
    assert parse(["conv", "--kind", "node"]).prefixes == ["conv"]
    with pytest.raises(SystemExit):
        parse(["--kind", "real"])
