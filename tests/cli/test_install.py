"""`edgeinfer install`."""

from __future__ import annotations

from pathlib import Path

import pytest

from edgeinfer.bundle.manifest import PROFILE_NAME
from edgeinfer.bundle.writer import write_bundle
from edgeinfer.places import state_folder
from edgeinfer.strict import encode_json
from tests.fixtures.bundles import classifier_members, manifest_of, profile_of, write_classifier
from tests.fixtures.device import Device, set_up


@pytest.fixture
def device(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Device:
    return set_up(tmp_path, capsys)


def test_a_bundle_is_installed_where_the_user_keeps_state(device: Device) -> None:
    code, out, _ = device.run("install", device.bundle())
    assert code == 0
    lines = out.splitlines()
    assert lines[0] == "double 1.0.0 is installed and active"
    assert lines[1].strip().startswith(str(state_folder() / "store" / "double" / "1.0.0-"))
    assert Path(lines[1].strip()).is_dir()
    assert len(lines) == 2


def test_the_way_back_is_told(device: Device) -> None:
    device.run("install", device.bundle())
    code, out, _ = device.run("install", device.bundle("1.1.0"))
    assert code == 0
    assert "`edgeinfer rollback double` goes back to 1.0.0" in out


def test_the_active_version_is_not_installed_again(device: Device) -> None:
    device.run("install", device.bundle())
    code, out, _ = device.run("install", device.bundle())
    assert code == 0
    assert out.startswith("double 1.0.0 is active already: nothing to do\n")


def test_state_can_lie_elsewhere(device: Device) -> None:
    document = device.ask("install", device.bundle(), "--state", device.folder / "elsewhere")
    assert document["path"].startswith(str(device.folder / "elsewhere" / "store"))
    assert (document["name"], document["version"], document["state"]) == ("double", "1.0.0", "active")
    assert document["fresh"] is True
    assert not state_folder().exists()


def test_golden_data_is_tried_on_this_machine(device: Device) -> None:
    path = write_classifier(device.folder / "parts.eib", device.key)
    assert device.ask("install", path)["name"] == "parts"


@pytest.mark.parametrize(
    ("make", "text"),
    [
        (lambda device: device.folder / "none.eib", "No such file"),
        (lambda device: device.folder, "not an unpacked bundle"),
        (lambda device: device.public_key, "ends early"),
        (lambda _: "ftp://127.0.0.1/a.eib", "only http"),
    ],
)
def test_what_cannot_be_installed_is_told(device: Device, make: object, text: str) -> None:
    assert callable(make)
    code, out, err = device.run("install", make(device))
    assert (code, out) == (1, "")
    assert text in err


def test_a_bundle_for_another_machine_is_refused(device: Device) -> None:

    profile = profile_of(name="other", architecture="armv7l")
    members = {**classifier_members(), PROFILE_NAME: encode_json(profile)}
    write_bundle(device.folder / "a.eib", manifest_of(members, profile=profile), members, device.key)
    code, _, err = device.run("install", device.folder / "a.eib")
    assert code == 1
    assert "is for armv7l" in err
    assert device.ask("status")["bundles"] == []


def test_an_untrusted_bundle_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    device = set_up(tmp_path, capsys, trusting=False)
    code, _, err = device.run("install", device.bundle())
    assert code == 1
    assert "not trusted" in err
    assert device.run("install", device.bundle(), "--public-key", device.public_key)[0] == 0
