"""What this machine is: architecture, board, CPU features, Python, installed runtimes.

Cheap on purpose: a few small files and package metadata, nothing is imported.
"""

from __future__ import annotations

import os
import platform
import struct
from collections.abc import Mapping
from importlib import metadata
from pathlib import Path

from edgeinfer.errors import MissingRuntimeError
from edgeinfer.profile import Match, Profile, RuntimeName, load_profile, profile_names
from edgeinfer.strict import Struct, field

RUNTIME_PACKAGES: dict[RuntimeName, tuple[str, ...]] = {
    "onnxruntime": ("onnxruntime", "onnxruntime-gpu"),
    "tflite": ("ai-edge-litert", "tflite-runtime"),
}
"""The packages that carry each runtime, in the order of preference."""

_MACHINES = {"arm64": "aarch64", "amd64": "x86_64"}
_NARROW = {"aarch64": "armv7l", "x86_64": "i686"}


class Host(Struct, frozen=True):
    """A machine. `runtimes` has the version of each installed package of `RUNTIME_PACKAGES`."""

    architecture: str
    board: str = ""
    compatible: tuple[str, ...] = ()
    features: frozenset[str] = frozenset()
    python: str = ""
    runtimes: dict[str, str] = field(default_factory=dict)

    def runtime_version(self, name: RuntimeName) -> str | None:
        """The version of a runtime, whichever package carries it; None where it is not installed."""
        return next((self.runtimes[one] for one in RUNTIME_PACKAGES[name] if one in self.runtimes), None)


def detect_host(root: Path = Path("/")) -> Host:
    """This machine; `root` is where /proc is looked for."""
    tree = root / "proc" / "device-tree"
    return Host(
        architecture=_architecture(),
        board=_strings(tree / "model")[0],
        compatible=tuple(text for text in _strings(tree / "compatible") if text),
        features=cpu_features(_read(root / "proc" / "cpuinfo").decode("ascii", "replace")),
        python=platform.python_version(),
        runtimes=_runtimes(),
    )


def available_cores() -> int:
    """The cores that this process may run on, which may be fewer than the machine has (affinity, cpusets)."""
    return len(os.sched_getaffinity(0))


def host_profile(host: Host) -> Profile:
    """The most specific installed profile that a host matches. Raises MissingRuntimeError if none does."""
    return pick_profile(host, {name: load_profile(name) for name in profile_names()})


def pick_profile(host: Host, profiles: Mapping[str, Profile]) -> Profile:
    """As `host_profile`, among given profiles. A named board outweighs its chip, a chip CPU features."""
    ranks = {name: _rank(host, profile) for name, profile in profiles.items()}
    best = max(ranks, key=lambda name: (ranks[name], name), default="")
    if not best or not any(ranks[best]):
        raise MissingRuntimeError(
            f"no device profile is for this machine ({host.architecture} {host.board}".rstrip() + ")",
            hint="64-bit ARM and x86-64 are supported; a Raspberry Pi 3 or newer runs the 64-bit system",
        )
    return profiles[best]


def cpu_features(cpuinfo: str) -> frozenset[str]:
    """The features that every core of a /proc/cpuinfo has: a thread may run on any of them."""
    lines = (line.partition(":") for line in cpuinfo.splitlines())
    cores = [frozenset(value.split()) for key, _, value in lines if key.strip() in ("flags", "Features")]
    return frozenset.intersection(*cores) if cores else frozenset()


def _rank(host: Host, profile: Profile) -> tuple[bool, bool, bool, int]:
    """(architecture and rest fit, board, chip, features); all false where the profile is not for the host."""
    match = profile.match
    by_board = any(part in host.board for part in match.board)
    by_chip = bool(set(match.compatible) & set(host.compatible))
    named = bool(match.board or match.compatible)
    fits = (
        profile.cpu.architecture == host.architecture
        and (by_board or by_chip or not named)
        and _has_features(host, match)
    )
    count = len(match.features) + bool(match.any_feature)
    return (True, by_board, by_chip, count) if fits else (False, False, False, 0)


def _has_features(host: Host, match: Match) -> bool:
    wanted = set(match.any_feature)
    return set(match.features) <= host.features and (not wanted or bool(wanted & host.features))


def _architecture() -> str:
    """The architecture that Python runs as: a 64-bit kernel may carry a 32-bit system."""
    machine = platform.machine().lower()
    machine = _MACHINES.get(machine, machine)
    return machine if struct.calcsize("P") == 8 else _NARROW.get(machine, machine)


def _runtimes() -> dict[str, str]:
    found = {}
    for package in (one for packages in RUNTIME_PACKAGES.values() for one in packages):
        try:
            found[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            continue
    return found


def _strings(path: Path) -> list[str]:
    """The texts of a device-tree property, which ends each with a zero byte; one empty text if absent."""
    return _read(path).decode("utf-8", "replace").rstrip("\0\n").split("\0")


def _read(path: Path) -> bytes:
    """A file of /proc, empty where the machine (no device tree) or the container does not show it."""
    try:
        return path.read_bytes()
    except OSError:
        return b""
