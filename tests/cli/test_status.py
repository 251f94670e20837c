"""`edgeinfer status`."""

from __future__ import annotations

from pathlib import Path

import pytest

from edgeinfer.places import state_folder
from tests.fixtures.device import Device, set_up


@pytest.fixture
def device(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Device:
    return set_up(tmp_path, capsys)


def test_an_empty_store_says_so(device: Device) -> None:
    code, out, _ = device.run("status")
    assert (code, out) == (0, f"nothing is installed in {state_folder() / 'store'}\n")
    assert device.ask("status") == {"store": str(state_folder() / "store"), "bundles": []}
    assert not state_folder().exists()


def test_versions_are_listed_with_the_active_first(device: Device) -> None:
    for version in ("1.0.0", "1.1.0", "2.0.0-rc.1"):
        device.run("install", device.bundle(version))
    code, out, _ = device.run("status")
    assert code == 0
    lines = [line.split() for line in out.splitlines()]
    assert lines[0] == ["NAME", "VERSION", "STATE", "SHA256", "SIZE"]
    assert [(line[1], line[2]) for line in lines[1:]] == [
        ("2.0.0-rc.1", "active"),
        ("1.1.0", "previous"),
        ("1.0.0", "unused"),
    ]
    assert all(len(line) <= 80 for line in out.splitlines())


def test_as_json(device: Device) -> None:
    device.run("install", device.bundle())
    (found,) = device.ask("status")["bundles"]
    assert (found["name"], found["version"], found["state"]) == ("double", "1.0.0", "active")
    assert found["slot"] == Path(found["path"]).name
    assert found["size_bytes"] == sum(p.stat().st_size for p in Path(found["path"]).rglob("*") if p.is_file())
