"""`edgeinfer bundle`."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from edgeinfer.bundle.manifest import dump_manifest
from edgeinfer.bundle.writer import write_bundle
from edgeinfer.places import user_trust_folder
from edgeinfer.strict import replace
from tests.fixtures.bundles import manifest_of, small_members, write_classifier
from tests.fixtures.device import Device, set_up


@pytest.fixture
def device(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Device:
    return set_up(tmp_path, capsys)


def test_verify_tells_what_was_checked(device: Device) -> None:
    path = write_classifier(device.folder / "a.eib", device.key)
    code, out, _ = device.run("bundle", "verify", path)
    assert code == 0
    assert out.startswith("verified: parts 1.0.0, classification for generic-x86-64\n")
    assert hashlib.sha256(device.public_key.read_bytes()).hexdigest() in out
    assert hashlib.sha256(path.read_bytes()).hexdigest() in out
    assert "all 8 signed files" in out


def test_lines_fit_a_terminal(device: Device, tmp_path: Path) -> None:
    path = write_classifier(tmp_path / "a.eib", device.key)
    for action in ("inspect", "verify"):
        _, out, _ = device.run("bundle", action, path)
        long = [line for line in out.splitlines() if len(line) > 80 and " /" not in line]
        assert not long


def test_verify_as_json(device: Device) -> None:
    path = device.bundle()
    document = device.ask("bundle", "verify", path)
    assert document["verified"] is True
    assert document["sha256"] == hashlib.sha256(path.read_bytes()).hexdigest()
    assert document["signed_by"] == hashlib.sha256(device.public_key.read_bytes()).hexdigest()
    assert document["key_file"] == str(user_trust_folder() / "maker.pub.pem")
    assert document["manifest"]["name"] == "double"
    assert set(document["digests"]) == {"bundle.json", "model.onnx", "pipeline.json", "profile.json"}


def test_an_unknown_signer_is_told_with_what_to_do(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    device = set_up(tmp_path, capsys, trusting=False)
    path = device.bundle()
    code, out, err = device.run("bundle", "verify", path)
    assert (code, out) == (1, "")
    assert hashlib.sha256(device.public_key.read_bytes()).hexdigest() in err
    assert str(user_trust_folder()) in err
    for option, value in (("--public-key", device.public_key), ("--trust", device.public_key.parent)):
        assert device.run("bundle", "verify", path, option, value)[0] == (
            0 if option == "--public-key" else 1
        )
    user_trust_folder().mkdir(parents=True)
    (user_trust_folder() / "maker.pub.pem").write_bytes(device.public_key.read_bytes())
    assert device.run("bundle", "verify", path)[0] == 0


def test_a_model_that_is_not_as_described_is_refused(device: Device) -> None:
    members = small_members()
    manifest = manifest_of(members, name="double", task="raw")
    wrong = replace(manifest, model=replace(manifest.model, operators={"Sub": 1}))
    assert dump_manifest(wrong) != dump_manifest(manifest)
    write_bundle(device.folder / "a.eib", wrong, members, device.key)
    code, _, err = device.run("bundle", "verify", device.folder / "a.eib")
    assert code == 1
    assert "1 Add, not 0; 0 Sub, not 1" in err


def test_inspect_shows_a_bundle_that_is_not_trusted(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    device = set_up(tmp_path, capsys, trusting=False)
    path = write_classifier(tmp_path / "a.eib", device.key)
    code, out, _ = device.run("bundle", "inspect", path)
    assert code == 0
    assert "NOT VERIFIED" in out
    assert "not trusted" in out
    assert "image float32 [1, 3, 16, 16]" in out
    document = device.ask("bundle", "inspect", path)
    assert document["verified"] is False
    assert document["signed_by"] is None
    assert "not trusted" in document["problem"]


def test_inspect_shows_what_is_inside(device: Device) -> None:
    path = write_classifier(device.folder / "a.eib", device.key)
    code, out, _ = device.run("bundle", "inspect", path)
    assert code == 0
    for text in (
        "verified",
        "2 Conv",
        "x86_64, onnxruntime 1.20",
        "3: good, scratched",
        "2 samples",
        "opset 17",
    ):
        assert text in out
    assert device.ask("bundle", "inspect", path)["verified"] is True


def test_inspect_refuses_what_has_not_the_form(device: Device) -> None:
    path = device.bundle()
    path.write_bytes(path.read_bytes()[:-1])
    code, out, err = device.run("bundle", "inspect", path)
    assert (code, out) == (1, "")
    assert "cut off" in err


def test_extract_unpacks_once(device: Device) -> None:
    path, target = device.bundle(), device.folder / "out"
    code, out, _ = device.run("bundle", "extract", path, target)
    assert (code, out) == (0, f"verified and unpacked 5 files into {target}\n")
    assert device.run("bundle", "verify", target)[0] == 0
    code, _, err = device.run("bundle", "extract", path, target)
    assert code == 1
    assert "already there" in err
    document = device.ask("bundle", "extract", path, device.folder / "other")
    assert document["files"][0] == "bundle.json"
    assert document["files"][-1] == "model.onnx"


@pytest.mark.parametrize("action", ["inspect", "verify", "extract"])
def test_a_missing_file_is_an_expected_failure(device: Device, action: str) -> None:
    extra = [device.folder / "out"] if action == "extract" else []
    code, out, err = device.run("bundle", action, device.folder / "none.eib", *extra)
    assert (code, out) == (1, "")
    assert "none.eib: No such file" in err
    assert not (device.folder / "out").exists()


@pytest.mark.parametrize(
    "arguments", [[], ["nope"], ["verify"], ["verify", "a", "--trust", "x", "--public-key", "y"]]
)
def test_a_wrong_command_line_is_usage(device: Device, arguments: list[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        device.run("bundle", *arguments)
    assert caught.value.code == 2
