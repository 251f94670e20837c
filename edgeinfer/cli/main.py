"""The `edgeinfer` command: a table of commands, each a module that is imported when it is asked for."""

from __future__ import annotations

import argparse
import logging
import sys
from collections.abc import Sequence
from importlib import import_module

from edgeinfer import __version__
from edgeinfer.exits import run_program

PROGRAM = "edgeinfer"

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
"""Each command's module and help line. A module has `configure(parser)` and `execute(arguments) -> int`."""


def main(argv: Sequence[str] | None = None) -> int:
    """The entry point of the console script."""
    arguments = sys.argv[1:] if argv is None else list(argv)
    logging.basicConfig(level=logging.INFO, format="%(levelname)s %(name)s: %(message)s", stream=sys.stderr)
    return run_program(PROGRAM, lambda: _dispatch(arguments))


def _dispatch(arguments: list[str]) -> int:
    known = _parser().parse_known_args(arguments[:1])[0]
    module = import_module(COMMANDS[known.command][0])
    parser = argparse.ArgumentParser(
        prog=f"{PROGRAM} {known.command}", description=COMMANDS[known.command][1]
    )
    module.configure(parser)
    code: int = module.execute(parser.parse_args(arguments[1:]))
    return code


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog=PROGRAM,
        description="Install and run signed model bundles on small devices.",
        epilog=f"`{PROGRAM} COMMAND --help` tells more of each.",
    )
    parser.add_argument("--version", action="version", version=f"{PROGRAM} {__version__}")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND", title="commands")
    for name, (_, text) in COMMANDS.items():
        commands.add_parser(name, help=text, add_help=False)
    return parser
