"""Whether a bundle fits the device: its architecture, and a runtime that is new enough."""

from __future__ import annotations

from packaging.version import InvalidVersion, Version

from edgeinfer.bundle.manifest import Manifest
from edgeinfer.errors import CompatibilityError, MissingRuntimeError
from edgeinfer.host import RUNTIME_PACKAGES, Host
from edgeinfer.profile import Profile, RuntimeName

_EXTRAS: dict[RuntimeName, str] = {"onnxruntime": "onnx", "tflite": "tflite"}


def check_fit(manifest: Manifest, profile: Profile, host: Host) -> None:
    """Raises CompatibilityError for another architecture or a too old runtime.

    Raises MissingRuntimeError where no such runtime is installed at all.
    """
    label = f"{manifest.name} {manifest.version}"
    if manifest.architecture != host.architecture:
        raise CompatibilityError(
            f"{label} is for {manifest.architecture} ({profile.title}); this device is {host.architecture}",
            hint="build the bundle with the profile of this device: `edgeinfer doctor` names it",
        )
    installed = {name: host.runtimes[name] for name in _packages(manifest, profile) if name in host.runtimes}
    if not installed:
        raise MissingRuntimeError(
            f"{label} needs the runtime {manifest.runtime.name}, which is not installed",
            hint=_install_hint(manifest, profile),
        )
    if not any(_is_enough(version, manifest.runtime.minimum_version) for version in installed.values()):
        there = ", ".join(f"{name} {version}" for name, version in installed.items())
        raise CompatibilityError(
            f"{label} needs {manifest.runtime.name} {manifest.runtime.minimum_version} or newer; "
            f"this device has {there}",
            hint=_install_hint(manifest, profile),
        )


def _packages(manifest: Manifest, profile: Profile) -> tuple[str, ...]:
    known = RUNTIME_PACKAGES[manifest.runtime.name]
    runtime = profile.runtime_for(manifest.runtime.name)
    # A profile that requires an execution provider requires the build of the runtime that has it.
    if runtime is not None and runtime.required_providers:
        return (runtime.package,)
    return known


def _install_hint(manifest: Manifest, profile: Profile) -> str:
    runtime = profile.runtime_for(manifest.runtime.name)
    preferred = RUNTIME_PACKAGES[manifest.runtime.name][0]
    if runtime is not None and runtime.package != preferred:
        return f"pip install '{runtime.package}>={manifest.runtime.minimum_version}'"
    return f"pip install --upgrade 'edgeinfer[{_EXTRAS[manifest.runtime.name]}]'"


def _is_enough(installed: str, minimum: str) -> bool:
    try:
        return Version(installed) >= Version(minimum)
    except InvalidVersion:
        return False
