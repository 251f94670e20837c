"""A program made of commands, with modules that are made here."""

from __future__ import annotations

import argparse
import logging
import sys
from types import ModuleType

import pytest

from edgeinfer import __version__
from edgeinfer.commands import Commands
from edgeinfer.errors import MissingRuntimeError, UsageError

TABLE = {
    "add": ("made_here.add", "add numbers up"),
    "fail": ("made_here.fail", "do nothing right"),
    "lost": ("made_here.not_there", "cannot be imported"),
}


@pytest.fixture(autouse=True)
def modules(monkeypatch: pytest.MonkeyPatch) -> None:
    """The two commands that there are."""

    def configure_add(parser: argparse.ArgumentParser) -> None:
        parser.add_argument("numbers", nargs="+", type=int)

    def add(arguments: argparse.Namespace) -> int:
        sys.stdout.write(f"{sum(arguments.numbers)}\n")
        return 0

    def configure_fail(parser: argparse.ArgumentParser) -> None:
        parser.add_argument("--why", default="just so")

    def fail(arguments: argparse.Namespace) -> int:
        raise UsageError(arguments.why)

    for name, configure, execute in (("add", configure_add, add), ("fail", configure_fail, fail)):
        module = ModuleType(f"made_here.{name}")
        vars(module).update(configure=configure, execute=execute)
        monkeypatch.setitem(sys.modules, "made_here", ModuleType("made_here"))
        monkeypatch.setitem(sys.modules, module.__name__, module)
    monkeypatch.setattr(logging, "basicConfig", lambda **options: None)


PROGRAM = Commands("counter", "Counts things.", TABLE)


def test_a_command_gets_its_own_arguments(capsys: pytest.CaptureFixture[str]) -> None:
    assert PROGRAM.run(["add", "2", "3"]) == 0
    assert capsys.readouterr().out == "5\n"


def test_the_arguments_of_the_process(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["counter", "add", "7"])
    assert PROGRAM.run() == 0
    assert capsys.readouterr().out == "7\n"


def test_an_expected_failure_names_the_program(capsys: pytest.CaptureFixture[str]) -> None:
    assert PROGRAM.run(["fail", "--why", "too late"]) == 2
    assert capsys.readouterr().err == "counter: too late\n"


def test_help_imports_no_command(capsys: pytest.CaptureFixture[str]) -> None:
    for arguments, text in ((["--help"], "cannot be imported"), (["--version"], f"counter {__version__}")):
        with pytest.raises(SystemExit) as ended:
            PROGRAM.run(arguments)
        assert ended.value.code == 0
        assert text in capsys.readouterr().out


def test_the_help_of_a_command(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        PROGRAM.run(["add", "--help"])
    assert ended.value.code == 0
    out = capsys.readouterr().out
    assert out.startswith("usage: counter add ")
    assert "add numbers up" in out


@pytest.mark.parametrize("arguments", [[], ["subtract"], ["add"], ["add", "two"], ["--add"]])
def test_a_wrong_command_line(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        PROGRAM.run(arguments)
    assert ended.value.code == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert "usage: counter" in captured.err


def test_the_check_comes_after_the_words_and_before_the_work(capsys: pytest.CaptureFixture[str]) -> None:
    def check(command: str) -> None:
        raise MissingRuntimeError(f"{command} needs an abacus", hint="carve one")

    program = Commands("counter", "Counts things.", TABLE, check)
    assert program.run(["add", "1"]) == 1
    assert capsys.readouterr() == ("", "counter: add needs an abacus\n  carve one\n")
    with pytest.raises(SystemExit) as ended:
        program.run(["add", "--help"])
    assert ended.value.code == 0
