"""The command line as a whole: commands, help, exit codes, and how little it loads."""

from __future__ import annotations

import importlib
import logging
import subprocess
import sys
from argparse import ArgumentParser
from pathlib import Path

import pytest

from edgeinfer import __version__
from edgeinfer.cli.main import COMMANDS, main

EXECUTABLE = Path(sys.executable).with_name("edgeinfer")
HEAVY = (
    "numpy",
    "cv2",
    "onnxruntime",
    "ai_edge_litert",
    "msgspec",
    "cryptography",
    "paho",
    "edgeinfer_converters",
)


def test_commands_are_listed_in_order() -> None:
    assert list(COMMANDS) == sorted(COMMANDS)


@pytest.mark.parametrize("name", COMMANDS)
def test_each_command_has_its_module(name: str) -> None:
    module = importlib.import_module(COMMANDS[name][0])
    parser = ArgumentParser()
    module.configure(parser)
    assert callable(module.execute)


def test_help_names_every_command(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["--help"])
    assert ended.value.code == 0
    lines = capsys.readouterr().out.splitlines()
    for name, (_, text) in COMMANDS.items():
        assert any(line.split()[:1] == [name] and line.endswith(text[-10:]) for line in lines)
    assert max(map(len, lines)) <= 80


@pytest.mark.parametrize("name", COMMANDS)
def test_each_command_has_help_of_its_own(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main([name, "--help"])
    assert ended.value.code == 0
    assert f"usage: edgeinfer {name}" in capsys.readouterr().out


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["--version"])
    assert ended.value.code == 0
    assert capsys.readouterr().out == f"edgeinfer {__version__}\n"


@pytest.mark.parametrize(
    "arguments", [[], ["nonsense"], ["profiles", "--nonsense"], ["doctor", "one", "two"]]
)
def test_a_wrong_command_line_is_exit_code_2(
    arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    assert ended.value.code == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert "usage: edgeinfer" in captured.err


def test_arguments_default_to_those_of_the_process(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["edgeinfer", "profiles"])
    assert main() == 0
    assert "raspberry-pi-4" in capsys.readouterr().out


def test_logs_go_to_stderr(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[object] = []
    monkeypatch.setattr(logging, "basicConfig", lambda **options: seen.append(options["stream"]))
    assert main(["profiles"]) == 0
    assert seen == [sys.stderr]
    capsys.readouterr()


@pytest.mark.parametrize("arguments", [["--help"], *([name, "--help"] for name in COMMANDS)])
def test_help_loads_nothing_heavy(arguments: list[str]) -> None:
    program = (
        "import sys\n"
        "from edgeinfer.cli.main import main\n"
        "try:\n"
        f"    main({arguments!r})\n"
        "except SystemExit as ended:\n"
        "    assert ended.code == 0\n"
        f"found = sorted(set({HEAVY!r}) & set(sys.modules))\n"
        "assert not found, found\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr


def test_a_closed_pipe_is_no_error() -> None:
    done = subprocess.run(
        ["bash", "-c", f"set -o pipefail; '{EXECUTABLE}' profiles jetson-orin-nano | head -1"],
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0
    assert done.stdout == "jetson-orin-nano: NVIDIA Jetson Orin Nano\n"
    assert done.stderr == ""
