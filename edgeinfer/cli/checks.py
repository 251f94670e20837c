"""The checks of `edgeinfer doctor`: pure questions to a machine that the caller describes."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from packaging.version import InvalidVersion, Version

from edgeinfer import places
from edgeinfer.cli.machine import Machine
from edgeinfer.errors import MissingRuntimeError
from edgeinfer.host import RUNTIME_PACKAGES, Host, host_profile
from edgeinfer.profile import Profile, Runtime

State = Literal["ok", "note", "missing"]
SERVICE = "edgeinfer.service"
MIN_FREE_BYTES = 256 * 1024**2
_OPENCV_PACKAGES = ("opencv-python-headless", "opencv-python", "opencv-contrib-python", "opencv")
_EXTRAS = {"onnxruntime": "edgeinfer[onnx]", "ai-edge-litert": "edgeinfer[tflite]"}
_JETSON_HINT = (
    "install NVIDIA's build of onnxruntime-gpu for this JetPack (docs/profiles.md), and not the "
    "extra [onnx]: both packages carry the same module"
)


@dataclass(frozen=True)
class Finding:
    """What one check found. `missing` is needed and not there; `note` is worth knowing."""

    state: State
    topic: str
    text: str
    hint: str = ""


def examine(machine: Machine) -> Iterator[Finding]:
    """Every finding, from what the machine is to what its service does."""
    try:
        profile = host_profile(machine.host)
    except MissingRuntimeError as error:
        yield Finding("missing", "device", error.message, error.hint)
    else:
        yield from check_device(machine, profile)
        yield from check_runtimes(machine, profile)
    yield check_opencv(machine)
    yield from check_cameras(machine)
    yield check_mqtt(machine)
    yield check_keys()
    yield check_state()
    yield check_service(machine)
    yield check_clock(machine)


def check_device(machine: Machine, profile: Profile) -> Iterator[Finding]:
    """Which profile, and whether the processor has what the profile counts on."""
    host = machine.host
    board = f", {host.board}" if host.board else ""
    yield Finding("ok", "device", f"{profile.name} ({profile.title}; {host.architecture}{board})")
    absent = [name for name in profile.cpu.features if name not in host.features]
    if absent:
        yield Finding("note", "cpu", f"the profile counts on {', '.join(absent)}, which /proc/cpuinfo lacks")
    else:
        yield Finding(
            "ok", "cpu", ", ".join(profile.cpu.features) or "nothing beyond the architecture needed"
        )
    yield Finding("ok", "python", host.python)


def check_runtimes(machine: Machine, profile: Profile) -> Iterator[Finding]:
    """One good runtime is enough; the preferred one is worth a note."""
    usable = [runtime for runtime in profile.runtime if _is_usable(machine.host, runtime)]
    for runtime in profile.runtime:
        version = machine.host.runtime_version(runtime.name)
        hint = _runtime_hint(runtime)
        if runtime in usable:
            yield Finding("ok", runtime.name, f"{_package(machine.host, runtime)} {version}")
            yield from _check_providers(machine, runtime)
        elif version:
            text = f"{version} is installed, {runtime.minimum_version} or newer is needed"
            yield Finding("note" if usable else "missing", runtime.name, text, hint)
        else:
            text = f"{runtime.package} is not installed"
            yield Finding("note" if usable else "missing", runtime.name, text, hint)


def check_opencv(machine: Machine) -> Finding:
    """Sensor rows do without OpenCV: its absence is a note."""
    for package in _OPENCV_PACKAGES:
        version = machine.installed(package)
        if version:
            return Finding("ok", "opencv", f"{package} {version}")
    text = "not installed: no cameras, videos or pictures, only sensor rows"
    return Finding("note", "opencv", text, "pip install 'edgeinfer[camera]', or apt install python3-opencv")


def check_cameras(machine: Machine) -> Iterator[Finding]:
    """The V4L2 devices, and whether this user may read them."""
    devices = sorted((machine.root / "dev").glob("video*"))
    if not devices:
        yield Finding("note", "cameras", "no /dev/video* here; network cameras and files need none")
        return
    denied = [device.name for device in devices if not os.access(device, os.R_OK | os.W_OK)]
    names = ", ".join(f"/dev/{device.name}" for device in devices)
    if denied:
        hint = "sudo usermod --append --groups video $USER, then log in again"
        yield Finding("missing", "cameras", f"no permission for /dev/{', /dev/'.join(denied)}", hint)
    else:
        yield Finding("ok", "cameras", names)


def check_mqtt(machine: Machine) -> Finding:
    """The MQTT client is a dependency: it is missing only in a broken installation."""
    version = machine.installed("paho-mqtt")
    if version:
        return Finding("ok", "mqtt", f"paho-mqtt {version}")
    return Finding("missing", "mqtt", "paho-mqtt is not installed", "pip install paho-mqtt")


def check_keys() -> Finding:
    """Without a trusted key no bundle can be run."""
    folders = places.trust_folders()
    keys = [key for folder in folders for key in _pem_files(folder)]
    if keys:
        noun = "key" if len(keys) == 1 else "keys"
        return Finding(
            "ok", "keys", f"{len(keys)} trusted {noun} in {', '.join(sorted({str(k.parent) for k in keys}))}"
        )
    hint = f"copy the signing.pub.pem of whoever signs your bundles into {folders[-1]}"
    return Finding("missing", "keys", "no trusted key, so that every bundle is refused", hint)


def check_state() -> Finding:
    """The folder of installed bundles: writable, with room for a model."""
    folder = places.state_folder()
    existing = next(parent for parent in (folder, *folder.parents) if parent.exists())
    if not os.access(existing, os.W_OK | os.X_OK):
        hint = "run as the user of the service, or as root"
        return Finding("note", "state", f"{existing} is not writable for this user", hint)
    free = shutil.disk_usage(existing).free
    text = f"{folder}, {free / 1024**3:.1f} GiB free"
    if free < MIN_FREE_BYTES:
        return Finding("missing", "state", text, "edgeinfer gc removes bundles that are no longer needed")
    return Finding("ok", "state", text)


def check_service(machine: Machine) -> Finding:
    """The systemd unit, where there is systemd."""
    answer = machine.ask(["systemctl", "show", "--property=LoadState,ActiveState,UnitFileState", SERVICE])
    if answer is None:
        return Finding("note", "service", "systemd does not answer here")
    state = dict(line.split("=", 1) for line in answer.splitlines() if "=" in line)
    if state.get("LoadState") != "loaded":
        return Finding("note", "service", "not installed", "sudo edgeinfer systemd install")
    text = f"{state.get('ActiveState', 'unknown')}, {state.get('UnitFileState', 'unknown')}"
    if state.get("ActiveState") == "failed":
        return Finding("missing", "service", text, f"journalctl --unit={SERVICE} --lines=50")
    return Finding("ok", "service", text)


def check_clock(machine: Machine) -> Finding:
    """Time stamps and TLS certificates need the right time; most boards have no clock that runs on."""
    answer = machine.ask(["timedatectl", "show", "--property=NTPSynchronized", "--value"])
    if answer is None:
        return Finding("note", "clock", "cannot tell whether the clock is synchronized")
    if answer.strip() == "yes":
        return Finding("ok", "clock", "synchronized")
    return Finding("note", "clock", "not synchronized", "sudo timedatectl set-ntp true")


def _check_providers(machine: Machine, runtime: Runtime) -> Iterator[Finding]:
    if not runtime.required_providers:
        return
    active = machine.providers()
    absent = [name for name in runtime.required_providers if name not in active]
    if absent:
        yield Finding("missing", "providers", f"onnxruntime lacks {', '.join(absent)}", _JETSON_HINT)
    else:
        yield Finding("ok", "providers", ", ".join(active))


def _is_usable(host: Host, runtime: Runtime) -> bool:
    version = host.runtime_version(runtime.name)
    try:
        return version is not None and Version(version) >= Version(runtime.minimum_version)
    except InvalidVersion:
        return False


def _package(host: Host, runtime: Runtime) -> str:
    return next(one for one in RUNTIME_PACKAGES[runtime.name] if one in host.runtimes)


def _runtime_hint(runtime: Runtime) -> str:
    extra = _EXTRAS.get(runtime.package)
    return f"pip install --upgrade '{extra}'" if extra else _JETSON_HINT


def _pem_files(folder: Path) -> list[Path]:
    try:
        return sorted(folder.glob("*.pem"))
    except PermissionError:
        return []
