"""The command line of the pruning benchmark."""

from __future__ import annotations

from pathlib import Path

import pytest

from edgeinfer.exits import Exit
from scripts.benchmarks.pruning import SHARES, TASKS, main, parse


def test_defaults_are_everything() -> None:
    arguments = parse([])
    assert (arguments.task, arguments.share, arguments.json, arguments.keep) == (None, None, False, None)
    assert TASKS == ("resnet8", "squeezenet", "mobilenetv2")
    assert SHARES == (0.1, 0.2, 0.3, 0.5)


def test_tasks_and_shares_may_be_repeated() -> None:
    arguments = parse(["--task", "resnet8", "--task", "squeezenet", "--share", "0.2", "--share", "0.4"])
    assert arguments.task == ["resnet8", "squeezenet"]
    assert arguments.share == [0.2, 0.4]


def test_other_tasks_are_refused() -> None:
    with pytest.raises(SystemExit):
        parse(["--task", "yolox_nano"])


def test_without_the_zoo_it_says_so(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    monkeypatch.setenv("EDGEINFER_ZOO", str(tmp_path))
    monkeypatch.setattr("sys.argv", ["bench"])
    assert main() == Exit.USAGE
    assert "EDGEINFER_ZOO" in capsys.readouterr().err
