"""`edgeinfer rollback`."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.fixtures.device import Device, set_up


@pytest.fixture
def device(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Device:
    return set_up(tmp_path, capsys)


def test_it_goes_back_to_the_version_before(device: Device) -> None:
    for version in ("1.0.0", "2.0.0"):
        assert device.run("install", device.bundle(version))[0] == 0
    code, out, _ = device.run("rollback", "double")
    assert code == 0
    assert out.startswith("double 1.0.0 is active again\n  /")
    assert device.ask("rollback", "double")["version"] == "2.0.0"


def test_without_a_version_before_it_fails(device: Device) -> None:
    code, out, err = device.run("rollback", "double")
    assert (code, out) == (1, "")
    assert "`double` is not installed" in err
    device.run("install", device.bundle())
    code, _, err = device.run("rollback", "double")
    assert code == 1
    assert "no version of `double` to go back to" in err


def test_it_needs_a_name(device: Device) -> None:
    with pytest.raises(SystemExit) as caught:
        device.run("rollback")
    assert caught.value.code == 2
