"""`scripts/bench estimate`."""

from __future__ import annotations

import pytest
import tomllib

from edgeinfer.exits import Exit
from edgeinfer.profile import load_profile
from edgeinfer.strict import plain
from scripts.benchmarks.estimate import main, parse


def printed(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], *words: str) -> str:
    monkeypatch.setattr("sys.argv", ["bench", *words])
    assert main() == Exit.DONE
    return capsys.readouterr().out


def test_a_table_for_each_device(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    text = printed(monkeypatch, capsys)
    assert text.count("left out of the fit") == 3
    assert "no part of any fit" in text


def test_the_costs_to_paste_are_those_that_ship(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    text = printed(monkeypatch, capsys, "--write")
    for part in text.split("# ")[1:]:
        title, _, tables = part.partition("\n")
        profile = load_profile(title.removesuffix(".toml"))
        assert tomllib.loads(tables)["cost"] == [plain(one) for one in profile.cost]


def test_other_forms(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    assert "depthwise apart" in printed(monkeypatch, capsys, "--forms")


def test_a_word_that_is_unknown(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        parse(["--device"])
    assert "--device" in capsys.readouterr().err
