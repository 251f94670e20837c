"""What `edgeinfer doctor` prints, and its exit code."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgeinfer.cli import checks
from edgeinfer.cli.checks import Finding
from edgeinfer.cli.doctor import describe
from edgeinfer.cli.machine import Machine
from edgeinfer.cli.main import main
from edgeinfer.exits import Exit
from edgeinfer.host import detect_host
from edgeinfer.terminal import WIDTH

WELL = Finding("ok", "mqtt", "paho-mqtt 2.2.0")
NOTE = Finding("note", "cameras", "none here")
BAD = Finding("missing", "keys", "no trusted key", "copy one")


def give(monkeypatch: pytest.MonkeyPatch, *findings: Finding) -> None:
    """Have the doctor find these."""

    def examine(machine: Machine) -> Iterator[Finding]:
        yield from findings

    monkeypatch.setattr(checks, "examine", examine)


def test_a_healthy_machine(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    give(monkeypatch, WELL, NOTE)
    assert main(["doctor"]) == Exit.DONE
    assert capsys.readouterr().out.splitlines() == [
        "ok      mqtt     paho-mqtt 2.2.0",
        "note    cameras  none here",
        "",
        "nothing is missing",
    ]


def test_what_is_missing_fails_and_says_what_to_do(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    give(monkeypatch, WELL, BAD)
    assert main(["doctor"]) == Exit.FAILED
    assert capsys.readouterr().out.splitlines() == [
        "ok      mqtt  paho-mqtt 2.2.0",
        "MISSING keys  no trusted key",
        "              -> copy one",
        "",
        "1 missing",
    ]


@pytest.mark.parametrize(("findings", "healthy"), [((WELL, NOTE), True), ((WELL, BAD), False)])
def test_json_is_one_document(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    findings: tuple[Finding, ...],
    healthy: bool,
) -> None:
    give(monkeypatch, *findings)
    assert main(["doctor", "--json"]) == (Exit.DONE if healthy else Exit.FAILED)
    document = json.loads(capsys.readouterr().out)
    assert document["healthy"] is healthy
    assert document["host"]["architecture"] == detect_host().architecture
    assert [one["topic"] for one in document["findings"]] == [one.topic for one in findings]
    assert set(document["findings"][0]) == {"state", "topic", "text", "hint"}


def test_this_machine_is_examined_to_the_end(capsys: pytest.CaptureFixture[str]) -> None:
    code = main(["doctor", "--json"])
    document = json.loads(capsys.readouterr().out)
    assert code == (Exit.DONE if document["healthy"] else Exit.FAILED)
    states = {one["topic"]: one["state"] for one in document["findings"]}
    assert states["device"] == states["onnxruntime"] == states["mqtt"] == "ok"
    # Every test has a home of its own, where nobody has put a key yet.
    assert states["keys"] in ("missing", "ok")


WORDS = st.lists(st.from_regex(r"[a-z]{1,12}", fullmatch=True), min_size=1, max_size=40).map(" ".join)
FINDINGS = st.builds(
    Finding,
    state=st.sampled_from(["ok", "note", "missing"]),
    topic=st.sampled_from(["keys", "cameras", "onnxruntime"]),
    text=WORDS,
    hint=WORDS,
)


@given(st.lists(FINDINGS, min_size=1, max_size=4))
def test_every_word_is_printed_within_80_columns(findings: list[Finding]) -> None:
    lines = list(describe(findings))
    assert max(map(len, lines)) <= WIDTH
    text = " ".join(" ".join(lines).split())
    for finding in findings:
        assert finding.text in text
        assert finding.state == "ok" or f"-> {finding.hint}" in text
