"""`edgeinfer systemd`."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from edgeinfer.cli import systemd
from edgeinfer.cli.main import main
from edgeinfer.daemon.unit import EXAMPLE_SETTINGS
from edgeinfer.errors import SettingsError

PROGRAM = "/opt/edgeinfer/bin/edgeinfer"


def test_printing(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["systemd", "print", "--executable", PROGRAM]) == 0
    assert f"ExecStart={PROGRAM} daemon --config /etc/edgeinfer/edgeinfer.toml\n" in capsys.readouterr().out


def test_installing_into_an_image(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["systemd", "install", "--executable", PROGRAM, "--root", str(tmp_path)]) == 0
    unit = tmp_path / "etc/systemd/system/edgeinfer.service"
    link = tmp_path / "etc/systemd/system/multi-user.target.wants/edgeinfer.service"
    assert f"ExecStart={PROGRAM}" in unit.read_text()
    assert link.readlink() == Path("/etc/systemd/system/edgeinfer.service")
    assert (tmp_path / "etc/edgeinfer/edgeinfer.toml").read_text() == EXAMPLE_SETTINGS
    assert (tmp_path / "etc/edgeinfer/trust.d").is_dir()
    assert (tmp_path / "var/lib/edgeinfer").is_dir()
    output = capsys.readouterr().out
    assert "systemctl start edgeinfer" in output
    assert max(map(len, output.splitlines())) <= 100 + len(str(tmp_path))


def test_the_service_can_read_what_a_strict_root_makes(tmp_path: Path) -> None:
    before = os.umask(0o077)
    try:
        systemd.install(tmp_path, "[Unit]\n")
    finally:
        os.umask(before)
    for name in ("etc", "etc/edgeinfer", "etc/edgeinfer/trust.d", "var/lib/edgeinfer"):
        assert (tmp_path / name).stat().st_mode & 0o777 == 0o755, name
    assert (tmp_path / "etc/edgeinfer/edgeinfer.toml").stat().st_mode & 0o777 == 0o644


def test_installing_again_keeps_the_settings(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["systemd", "install", "--executable", PROGRAM, "--root", str(tmp_path)]
    assert main(arguments) == 0
    settings = tmp_path / "etc/edgeinfer/edgeinfer.toml"
    settings.write_text("# mine\n")
    assert main([*arguments, "--gpu"]) == 0
    assert settings.read_text() == "# mine\n"
    assert "DevicePolicy=auto" in (tmp_path / "etc/systemd/system/edgeinfer.service").read_text()
    assert "kept as they are" in capsys.readouterr().out


def test_without_roots_rights_the_sudo_command_is_named() -> None:
    with pytest.raises(SettingsError) as caught:
        systemd.check_root(1000, Path("/opt/my venv/edgeinfer"))
    assert caught.value.hint == "sudo '/opt/my venv/edgeinfer' systemd install"
    systemd.check_root(0, Path(PROGRAM))


def test_the_command_fails_without_roots_rights(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    assert main(["systemd", "install", "--executable", PROGRAM]) == 1
    assert f"sudo {PROGRAM} systemd install" in capsys.readouterr().err


def test_a_program_that_is_not_there() -> None:
    with pytest.raises(SettingsError, match="there is no such program"):
        systemd.check_reachable(Path("/opt/none/edgeinfer"))


def test_a_program_where_the_service_may_not_look(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program = tmp_path / "edgeinfer"
    program.touch()
    monkeypatch.setattr(systemd, "PRIVATE_FOLDERS", (tmp_path,))
    with pytest.raises(SettingsError, match="cannot start a program there") as caught:
        systemd.check_reachable(program)
    assert "/opt/edgeinfer" in caught.value.hint
    monkeypatch.setattr(systemd, "PRIVATE_FOLDERS", ())
    tmp_path.chmod(0o700)
    with pytest.raises(SettingsError, match="cannot start a program there"):
        systemd.check_reachable(program)


def test_systemctl_is_asked_on_a_running_system(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[list[str]] = []

    def run(command: list[str], **options: object) -> subprocess.CompletedProcess[str]:
        asked.append(command)
        return subprocess.CompletedProcess(command, 1, "", "Access denied")

    monkeypatch.setattr(subprocess, "run", run)
    with pytest.raises(SettingsError, match="`systemctl daemon-reload` failed: Access denied"):
        systemd._systemctl("daemon-reload")
    assert asked == [["systemctl", "daemon-reload"]]


def test_this_program_is_the_default(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.argv", [PROGRAM, "systemd", "print"])
    assert systemd.this_executable() == Path(PROGRAM)
    monkeypatch.setattr("sys.argv", ["/usr/lib/pytest"])
    assert systemd.this_executable().name == "edgeinfer"


def test_an_action_is_required() -> None:
    with pytest.raises(SystemExit) as caught:
        main(["systemd"])
    assert caught.value.code == 2
