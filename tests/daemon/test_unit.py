"""The unit and the example settings."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from edgeinfer.config import parse_settings
from edgeinfer.daemon.unit import EXAMPLE_SETTINGS, UnitOptions, unit_text

PROGRAM = Path("/opt/edgeinfer/bin/edgeinfer")
needs_systemd = pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="needs systemd-analyze")


def values(text: str, key: str) -> list[str]:
    return [line.partition("=")[2] for line in text.splitlines() if line.startswith(f"{key}=")]


def test_what_the_service_promises() -> None:
    text = unit_text(UnitOptions(PROGRAM))
    assert values(text, "Type") == ["notify"]
    assert values(text, "WatchdogSec") == ["30"]
    assert values(text, "Restart") == ["always"]
    assert values(text, "DynamicUser") == ["yes"]
    assert values(text, "ExecStart") == [f"{PROGRAM} daemon --config /etc/edgeinfer/edgeinfer.toml"]
    assert values(text, "LoadCredential") == ["mqtt.password:/etc/edgeinfer/mqtt.password"]


def test_what_bundles_need_is_not_the_services_to_write() -> None:
    text = unit_text(UnitOptions(PROGRAM))
    assert values(text, "StateDirectory") == ["edgeinfer/service"]
    assert values(text, "ProtectSystem") == ["strict"]
    assert values(text, "ReadWritePaths") == []


def test_cameras_are_all_the_devices_there_are() -> None:
    text = unit_text(UnitOptions(PROGRAM))
    assert values(text, "DevicePolicy") == ["closed"]
    assert values(text, "DeviceAllow") == ["char-video4linux rw", "char-media rw"]
    assert values(text, "MemoryDenyWriteExecute") == ["yes"]


def test_a_gpu_needs_its_devices_and_code_written_at_run_time() -> None:
    text = unit_text(UnitOptions(PROGRAM, gpu=True))
    assert values(text, "DevicePolicy") == ["auto"]
    assert values(text, "MemoryDenyWriteExecute") == []


@pytest.mark.parametrize(
    ("path", "expected"),
    [("/opt/my venv/edgeinfer", '"/opt/my venv/edgeinfer"'), ("/opt/50%/e$", "/opt/50%%/e$$")],
)
def test_odd_paths_are_quoted(path: str, expected: str) -> None:
    assert values(unit_text(UnitOptions(Path(path))), "ExecStart")[0].startswith(f"{expected} daemon")


@needs_systemd
@pytest.mark.parametrize("gpu", [False, True])
def test_systemd_finds_no_fault(tmp_path: Path, gpu: bool) -> None:
    unit = tmp_path / "edgeinfer.service"
    unit.write_text(unit_text(UnitOptions(Path(shutil.which("true") or "/bin/true"), gpu=gpu)))
    done = subprocess.run(["systemd-analyze", "verify", unit], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


@needs_systemd
def test_the_exposure_stays_low(tmp_path: Path) -> None:
    unit = tmp_path / "edgeinfer.service"
    unit.write_text(unit_text(UnitOptions(PROGRAM)))
    command = ["systemd-analyze", "security", "--offline=yes", "--no-pager", str(unit)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    found = re.search(r"exposure level for .*: ([\d.]+)", done.stdout)
    assert found is not None, done.stderr
    assert float(found[1]) <= 1.5


def test_the_example_as_it_is_asks_for_a_stream_only() -> None:
    assert re.search(r"^\[mqtt\]$", EXAMPLE_SETTINGS, re.MULTILINE)
    assert "[[stream]]" not in [line for line in EXAMPLE_SETTINGS.splitlines() if not line.startswith("#")]


def test_every_line_of_the_example_can_be_switched_on() -> None:
    enabled = re.sub(r"^#(?=[\[a-z])", "", EXAMPLE_SETTINGS, flags=re.MULTILINE)
    enabled = enabled.replace("mqtt://", "mqtts://")
    settings = parse_settings(enabled.encode(), "example", folder=Path("/etc/edgeinfer"))
    assert settings.device.name == "gate-1"
    assert settings.mqtt is not None
    assert (settings.mqtt.version, settings.mqtt.username) == ("3.1.1", "gate-1")
    assert settings.stream[0].max_fps == 10
