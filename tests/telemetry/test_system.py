"""What the machine tells, and what it keeps to itself."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import psutil
import pytest

from edgeinfer.telemetry.system import SystemReader, SystemSample


def test_this_machine() -> None:
    sample = SystemReader().read()
    assert sample.process_memory_bytes is not None
    assert sample.process_memory_bytes > 1_000_000
    assert sample.process_threads is not None
    assert sample.process_threads >= 1
    assert sample.system_memory_percent is not None
    assert 0 < sample.system_memory_percent < 100


def test_the_processor_share_is_since_the_sample_before() -> None:
    reader = SystemReader()
    sum(number * number for number in range(300_000))
    share = reader.read().process_cpu_percent
    assert share is not None
    assert share > 0


def test_a_hidden_proc_leaves_numbers_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(psutil, "PROCFS_PATH", str(tmp_path))
    sample = SystemReader(sys_folder=tmp_path).read()
    assert sample == SystemSample(temperature_celsius=sample.temperature_celsius)


def test_only_the_own_process_in_proc(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What `ProcSubset=pid` leaves."""
    import os

    (tmp_path / str(os.getpid())).symlink_to(f"/proc/{os.getpid()}")
    monkeypatch.setattr(psutil, "PROCFS_PATH", str(tmp_path))
    sample = SystemReader(sys_folder=tmp_path).read()
    assert sample.process_memory_bytes
    assert sample.system_memory_percent is None


def sensors(**groups: list[float | None]) -> Callable[[], dict[str, list[SimpleNamespace]]]:
    return lambda: {name: [SimpleNamespace(current=one) for one in found] for name, found in groups.items()}


@pytest.mark.parametrize(
    ("groups", "expected"),
    [
        ({"cpu_thermal": [51.5], "nvme": [40.0]}, 51.5),
        ({"broken": [-273.0, 65535.0, None], "cpu": [48.0]}, 48.0),
        ({"broken": [None]}, None),
        ({}, None),
    ],
)
def test_the_hottest_plausible_sensor(
    groups: dict[str, list[float | None]], expected: float | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(psutil, "sensors_temperatures", sensors(**groups), raising=False)
    assert SystemReader().read().temperature_celsius == expected


def test_a_system_without_sensors(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(psutil, "sensors_temperatures", raising=False)
    assert SystemReader().read().temperature_celsius is None


def write(folder: Path, **files: str) -> None:
    for name, text in files.items():
        path = folder / name.replace("__", "/")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


def throttled(folder: Path) -> bool | None:
    return SystemReader(sys_folder=folder).read().throttled


def test_a_machine_that_does_not_tell_of_throttling(tmp_path: Path) -> None:
    assert throttled(tmp_path) is None


@pytest.mark.parametrize(
    ("text", "expected"),
    [("0\n", False), ("50000\n", False), ("50005\n", True), ("8\n", True), ("junk", None)],
)
def test_a_raspberry_pi_with_an_older_kernel(tmp_path: Path, text: str, expected: bool | None) -> None:
    folder = tmp_path / "devices/platform/soc/soc:firmware"
    folder.mkdir(parents=True)
    (folder / "get_throttled").write_text(text)
    assert throttled(tmp_path) is expected


@pytest.mark.parametrize(("alarm", "expected"), [("0\n", False), ("1\n", True)])
def test_a_raspberry_pi_with_a_newer_kernel(tmp_path: Path, alarm: str, expected: bool) -> None:
    write(tmp_path / "class/hwmon/hwmon1", name="rpi_volt\n", in0_lcrit_alarm=alarm)
    write(tmp_path / "class/hwmon/hwmon0", name="cpu_thermal\n", in0_lcrit_alarm="1\n")
    assert throttled(tmp_path) is expected


@pytest.mark.parametrize(("state", "expected"), [("0\n", False), ("3\n", True)])
def test_a_kernel_that_cools_the_processor(tmp_path: Path, state: str, expected: bool) -> None:
    write(tmp_path / "class/thermal/cooling_device0", type="thermal-cpufreq-0\n", cur_state=state)
    write(tmp_path / "class/thermal/cooling_device1", type="pwm-fan\n", cur_state="4\n")
    assert throttled(tmp_path) is expected
