"""The machine is asked for real here; the checks are tested with made-up answers."""

from __future__ import annotations

import subprocess
import sys

import pytest

from edgeinfer.cli.machine import Machine, active_providers, ask_program, package_version
from edgeinfer.host import Host


def test_a_program_answers() -> None:
    assert ask_program([sys.executable, "-c", "print('hello')"]) == "hello\n"


def test_a_program_that_fails_or_is_absent_does_not_answer() -> None:
    assert ask_program([sys.executable, "-c", "raise SystemExit(3)"]) is None
    assert ask_program(["/nonexistent/program"]) is None


def test_a_program_that_hangs_does_not_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    def hang(command: list[str], **options: object) -> None:
        raise subprocess.TimeoutExpired(command, 5.0)

    monkeypatch.setattr(subprocess, "run", hang)
    assert ask_program(["systemctl"]) is None


def test_versions_come_from_package_metadata() -> None:
    assert package_version("pytest") == pytest.__version__
    assert package_version("surely-not-installed-anywhere") is None


def test_onnxruntime_names_its_providers() -> None:
    assert "CPUExecutionProvider" in active_providers()


def test_without_onnxruntime_there_are_no_providers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    assert active_providers() == ()


def test_by_default_the_machine_is_this_one() -> None:
    machine = Machine(Host(architecture="x86_64"))
    assert machine.root.is_dir()
    assert machine.installed("pytest") == pytest.__version__
