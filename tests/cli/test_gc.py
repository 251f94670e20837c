"""`edgeinfer gc`."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.fixtures.device import Device, set_up


@pytest.fixture
def device(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Device:
    return set_up(tmp_path, capsys)


def test_an_empty_store_has_nothing_to_remove(device: Device) -> None:
    assert device.run("gc")[:2] == (0, "nothing to remove: only active and previous versions are there\n")
    assert device.ask("gc") == {"removed": [], "freed_bytes": 0}


def test_old_versions_go_and_the_space_is_told(device: Device) -> None:
    for version in ("1.0.0", "1.1.0", "2.0.0"):
        device.run("install", device.bundle(version))
    code, out, _ = device.run("gc")
    assert code == 0
    assert out.startswith("removed double/1.0.0-")
    assert out.endswith(" kB are free again\n")
    states = {one["version"]: one["state"] for one in device.ask("status")["bundles"]}
    assert states == {"2.0.0": "active", "1.1.0": "previous"}


def test_as_json(device: Device) -> None:
    for version in ("1.0.0", "1.1.0", "2.0.0"):
        device.run("install", device.bundle(version))
    document = device.ask("gc")
    (removed,) = document["removed"]
    assert removed["path"].startswith("double/1.0.0-")
    assert document["freed_bytes"] == removed["size_bytes"] > 0
