"""The machine as `edgeinfer doctor` asks it: files, programs, installed packages."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

from edgeinfer.host import Host

COMMAND_TIMEOUT_S = 5.0


def ask_program(command: list[str]) -> str | None:
    """What a program prints; None where it is absent, fails or hangs."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=COMMAND_TIMEOUT_S, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout if done.returncode == 0 else None


def package_version(package: str) -> str | None:
    """The version of an installed package."""
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None


def active_providers() -> tuple[str, ...]:
    """The execution providers of the installed ONNX Runtime, which is loaded to find out."""
    try:
        import onnxruntime
    except (ImportError, OSError):
        return ()
    return tuple(onnxruntime.get_available_providers())


@dataclass(frozen=True)
class Machine:
    """What the checks look at; tests give their own answers."""

    host: Host
    root: Path = Path("/")
    ask: Callable[[list[str]], str | None] = ask_program
    installed: Callable[[str], str | None] = package_version
    providers: Callable[[], tuple[str, ...]] = active_providers
