"""The `edgeinfer-convert` command: a table of commands, each a module imported when it is asked for."""

from __future__ import annotations

import argparse
import logging
import sys
from collections.abc import Sequence
from importlib import import_module
from importlib.util import find_spec

from edgeinfer import __version__
from edgeinfer.errors import MissingRuntimeError
from edgeinfer.exits import run_program

PROGRAM = "edgeinfer-convert"
MINIMUM_PYTHON = (3, 11)
EXTRA = (
    "ai_edge_litert",
    "cv2",
    "onnx",
    "onnxconverter_common",
    "onnxruntime",
    "onnxslim",
    "pycocotools",
    "tqdm",
)
"""What the `[convert]` extra brings, by import name."""

COMMANDS: dict[str, tuple[str, str]] = {
    "build": ("edgeinfer_converters.commands.build", "make a signed bundle from a trained model"),
    "inspect": (
        "edgeinfer_converters.commands.inspect",
        "tell what is in a model, and what a device makes of it",
    ),
    "keygen": ("edgeinfer_converters.commands.keygen", "make a key pair to sign bundles with"),
}
"""Each command's module and help line."""

NEED_NO_EXTRA = frozenset({"keygen"})


def main(argv: Sequence[str] | None = None) -> int:
    """The entry point of the console script."""
    arguments = sys.argv[1:] if argv is None else list(argv)
    logging.basicConfig(level=logging.INFO, format="%(levelname)s %(name)s: %(message)s", stream=sys.stderr)
    return run_program(PROGRAM, lambda: _dispatch(arguments))


def _dispatch(arguments: list[str]) -> int:
    command = _parser().parse_known_args(arguments[:1])[0].command
    module = import_module(COMMANDS[command][0])
    parser = argparse.ArgumentParser(prog=f"{PROGRAM} {command}", description=COMMANDS[command][1])
    module.configure(parser)
    parsed = parser.parse_args(arguments[1:])
    if command not in NEED_NO_EXTRA:
        check_extra()
    code: int = module.execute(parsed)
    return code


def check_extra() -> None:
    """Raises MissingRuntimeError that says what to install, where the converter's libraries are missing."""
    if sys.version_info < MINIMUM_PYTHON:
        raise MissingRuntimeError(
            f"the converter needs Python 3.11 or newer, this is {sys.version.split()[0]}",
            hint="convert on a workstation; devices need only the bundle",
        )
    missing = [name for name in EXTRA if find_spec(name) is None]
    if missing:
        raise MissingRuntimeError(
            f"the converter's libraries are not installed (missing: {', '.join(missing)})",
            hint="pip install 'edgeinfer[convert]'",
        )


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog=PROGRAM,
        description="Turn trained models into small, fast, signed bundles for edge devices.",
        epilog=f"`{PROGRAM} COMMAND --help` tells more of each.",
    )
    parser.add_argument("--version", action="version", version=f"{PROGRAM} {__version__}")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND", title="commands")
    for name, (_, text) in COMMANDS.items():
        commands.add_parser(name, help=text, add_help=False)
    return parser
