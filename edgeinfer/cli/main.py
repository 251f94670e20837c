"""The `edgeinfer` command."""

from __future__ import annotations

from collections.abc import Sequence

from edgeinfer.commands import Commands

COMMANDS: dict[str, tuple[str, str]] = {
    "bench": ("edgeinfer.cli.bench", "measure the pipeline against the bare runtime"),
    "bundle": ("edgeinfer.cli.bundle", "inspect, verify or extract a bundle"),
    "daemon": ("edgeinfer.cli.daemon", "run the streams of a settings file and publish over MQTT"),
    "doctor": ("edgeinfer.cli.doctor", "tell which device this is and what is missing"),
    "gc": ("edgeinfer.cli.gc", "remove bundles that are no longer needed"),
    "install": ("edgeinfer.cli.install", "verify a bundle and make it the active version"),
    "profiles": ("edgeinfer.cli.profiles", "list the device profiles"),
    "rollback": ("edgeinfer.cli.rollback", "go back to the version before"),
    "run": ("edgeinfer.cli.run", "run a bundle on a source and print results"),
    "status": ("edgeinfer.cli.status", "list the installed bundles"),
    "systemd": ("edgeinfer.cli.systemd", "print or install the service unit"),
}
"""Each command's module and help line."""


def main(argv: Sequence[str] | None = None) -> int:
    """The entry point of the console script."""
    return Commands("edgeinfer", "Install and run signed model bundles on small devices.", COMMANDS).run(argv)
