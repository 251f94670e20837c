"""Each check of the doctor on made-up machines."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import NamedTuple

import pytest

from edgeinfer import places
from edgeinfer.cli import checks
from edgeinfer.cli.checks import Finding, examine
from edgeinfer.cli.machine import Machine
from edgeinfer.host import Host
from edgeinfer.profile import load_profile

PI = Host(
    architecture="aarch64",
    board="Raspberry Pi 4 Model B Rev 1.4",
    features=frozenset({"asimd", "crc32"}),
    python="3.11.2",
    runtimes={"ai-edge-litert": "2.1.0", "onnxruntime": "1.24.1"},
)
JETSON = Host(
    architecture="aarch64",
    board="NVIDIA Jetson Orin Nano Developer Kit",
    features=frozenset({"asimd", "crc32", "atomics", "fphp", "asimdhp", "asimddp"}),
    python="3.10.12",
    runtimes={"onnxruntime-gpu": "1.20.1+cu126"},
)


def packages(*names: str) -> Callable[[str], str | None]:
    """A machine that has these packages and no others."""
    return lambda package: "1.2.3" if package in names else None


def machine(host: Host = PI, *, root: Path = Path("/nowhere"), answers: str | None = None) -> Machine:
    return Machine(
        host,
        root=root,
        ask=lambda command: answers,
        installed=packages("opencv-python-headless", "paho-mqtt"),
        providers=lambda: ("CPUExecutionProvider",),
    )


def only(findings: Iterable[Finding], topic: str) -> Finding:
    """The one finding on a topic."""
    (finding,) = (finding for finding in findings if finding.topic == topic)
    return finding


@pytest.fixture
def trusted(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A trust folder of our own; its content is up to the test."""
    folder = tmp_path / "trust.d"
    folder.mkdir()
    monkeypatch.setattr(places, "trust_folders", lambda: (tmp_path / "absent", folder))
    return folder


def test_a_whole_machine_has_one_finding_a_topic(trusted: Path) -> None:
    (trusted / "vendor.pem").write_text("key")
    findings = list(examine(machine()))
    topics = [finding.topic for finding in findings]
    assert topics[:5] == ["device", "cpu", "python", "tflite", "onnxruntime"]
    assert topics[5:] == ["opencv", "cameras", "mqtt", "keys", "state", "service", "clock"]
    assert not [finding for finding in findings if finding.state == "missing"]
    assert all(finding.hint for finding in findings if finding.state == "missing")


def test_a_machine_without_a_profile_is_still_examined(trusted: Path) -> None:
    findings = list(examine(machine(Host(architecture="riscv64"))))
    assert only(findings, "device").state == "missing"
    assert only(findings, "mqtt").state == "ok"
    assert "tflite" not in [finding.topic for finding in findings]


def test_device_names_profile_and_board() -> None:
    finding = only(checks.check_device(machine(), load_profile("raspberry-pi-4")), "device")
    assert finding.text == "raspberry-pi-4 (Raspberry Pi 4; aarch64, Raspberry Pi 4 Model B Rev 1.4)"


def test_a_feature_that_the_profile_counts_on_and_the_cpu_lacks_is_noted() -> None:
    finding = only(checks.check_device(machine(), load_profile("raspberry-pi-5")), "cpu")
    assert finding.state == "note"
    assert "asimddp" in finding.text
    assert "asimd," not in finding.text


class Case(NamedTuple):
    """Installed packages, and the states that follow for TFLite and ONNX Runtime on a Pi."""

    runtimes: dict[str, str]
    tflite: str
    onnxruntime: str


RUNTIMES = {
    "both": Case({"ai-edge-litert": "2.1.0", "onnxruntime": "1.20.0"}, "ok", "ok"),
    "the second is enough": Case({"onnxruntime": "1.23.2"}, "note", "ok"),
    "tflite-runtime serves too": Case({"tflite-runtime": "2.14.0"}, "ok", "note"),
    "none": Case({}, "missing", "missing"),
    "too old": Case({"onnxruntime": "1.19.2"}, "missing", "missing"),
    "too old beside a good one": Case({"ai-edge-litert": "2.1", "onnxruntime": "1.9.0"}, "ok", "note"),
    "odd version": Case({"onnxruntime": "nightly"}, "missing", "missing"),
}


@pytest.mark.parametrize("case", RUNTIMES.values(), ids=RUNTIMES.keys())
def test_one_good_runtime_is_enough(case: Case) -> None:
    host = Host(architecture="aarch64", runtimes=case.runtimes)
    findings = list(checks.check_runtimes(machine(host), load_profile("raspberry-pi-4")))
    assert only(findings, "tflite").state == case.tflite
    assert only(findings, "onnxruntime").state == case.onnxruntime


def test_a_missing_runtime_names_the_extra() -> None:
    findings = list(
        checks.check_runtimes(machine(Host(architecture="aarch64")), load_profile("raspberry-pi-4"))
    )
    assert "edgeinfer[tflite]" in only(findings, "tflite").hint
    assert "edgeinfer[onnx]" in only(findings, "onnxruntime").hint


def test_a_runtime_that_is_too_old_says_what_is_needed() -> None:
    host = Host(architecture="aarch64", runtimes={"onnxruntime": "1.19.2"})
    finding = only(checks.check_runtimes(machine(host), load_profile("raspberry-pi-4")), "onnxruntime")
    assert finding.text == "1.19.2 is installed, 1.20 or newer is needed"


def test_a_jetson_without_its_providers_is_told_so() -> None:
    findings = list(checks.check_runtimes(machine(JETSON), load_profile("jetson-orin-nano")))
    assert only(findings, "onnxruntime").state == "ok"
    providers = only(findings, "providers")
    assert providers.state == "missing"
    assert "TensorrtExecutionProvider, CUDAExecutionProvider" in providers.text
    assert "JetPack" in providers.hint


def test_a_jetson_with_its_providers_is_well() -> None:
    required = ("TensorrtExecutionProvider", "CUDAExecutionProvider", "CPUExecutionProvider")
    whole = Machine(JETSON, providers=lambda: required)
    assert only(checks.check_runtimes(whole, load_profile("jetson-orin-nano")), "providers").state == "ok"


def test_a_jetson_without_any_runtime_is_not_sent_to_the_wrong_package() -> None:
    bare = machine(Host(architecture="aarch64", board=JETSON.board))
    finding = only(checks.check_runtimes(bare, load_profile("jetson-orin-nano")), "onnxruntime")
    assert finding.state == "missing"
    assert "pip install" not in finding.hint
    assert "onnxruntime-gpu" in finding.hint


def test_opencv_is_worth_a_note() -> None:
    finding = checks.check_opencv(Machine(PI, installed=packages()))
    assert finding.state == "note"
    assert "edgeinfer[camera]" in finding.hint
    assert checks.check_opencv(Machine(PI, installed=packages("opencv-python"))).state == "ok"


def test_no_camera_is_a_note(tmp_path: Path) -> None:
    assert only(checks.check_cameras(machine(root=tmp_path)), "cameras").state == "note"


def test_cameras_are_listed(tmp_path: Path) -> None:
    (tmp_path / "dev").mkdir()
    for name in ("video1", "video0", "vcsa"):
        (tmp_path / "dev" / name).touch()
    finding = only(checks.check_cameras(machine(root=tmp_path)), "cameras")
    assert (finding.state, finding.text) == ("ok", "/dev/video0, /dev/video1")


def test_a_camera_without_permission_is_missing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "dev").mkdir()
    for name in ("video0", "video1"):
        (tmp_path / "dev" / name).touch()
    monkeypatch.setattr(os, "access", lambda path, mode: Path(path).name == "video0")
    finding = only(checks.check_cameras(machine(root=tmp_path)), "cameras")
    assert finding.state == "missing"
    assert finding.text == "no permission for /dev/video1"
    assert "--groups video" in finding.hint


def test_a_missing_mqtt_client_is_missing() -> None:
    assert checks.check_mqtt(Machine(PI, installed=packages())).state == "missing"
    assert checks.check_mqtt(machine()).state == "ok"


def test_without_keys_nothing_can_be_run(trusted: Path) -> None:
    finding = checks.check_keys()
    assert finding.state == "missing"
    assert str(trusted) in finding.hint


def test_trusted_keys_are_counted(trusted: Path) -> None:
    for name in ("a.pem", "b.pem", "notes.txt"):
        (trusted / name).touch()
    finding = checks.check_keys()
    assert finding.state == "ok"
    assert finding.text == f"2 trusted keys in {trusted}"


def test_a_state_folder_that_is_not_there_yet_is_fine(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(places, "state_folder", lambda: tmp_path / "a" / "b")
    finding = checks.check_state()
    assert (finding.state, finding.text.split(",")[0]) == ("ok", str(tmp_path / "a" / "b"))


def test_a_state_folder_of_someone_else_is_noted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(places, "state_folder", lambda: tmp_path)
    monkeypatch.setattr(os, "access", lambda path, mode: False)
    assert checks.check_state().state == "note"


def test_a_full_disk_is_a_fault(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(places, "state_folder", lambda: tmp_path)
    usage = type(shutil.disk_usage(tmp_path))
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage(10**9, 10**9, 1000))
    finding = checks.check_state()
    assert finding.state == "missing"
    assert "edgeinfer gc" in finding.hint


@pytest.mark.parametrize(
    ("answer", "state", "word"),
    [
        (None, "note", "systemd does not answer"),
        ("LoadState=not-found\nActiveState=inactive\nUnitFileState=\n", "note", "not installed"),
        ("LoadState=loaded\nActiveState=active\nUnitFileState=enabled\n", "ok", "active, enabled"),
        ("LoadState=loaded\nActiveState=failed\nUnitFileState=enabled\n", "missing", "failed, enabled"),
    ],
)
def test_the_service(answer: str | None, state: str, word: str) -> None:
    finding = checks.check_service(machine(answers=answer))
    assert finding.state == state
    assert word in finding.text


@pytest.mark.parametrize(("answer", "state"), [("yes\n", "ok"), ("no\n", "note"), (None, "note")])
def test_the_clock(answer: str | None, state: str) -> None:
    assert checks.check_clock(machine(answers=answer)).state == state
