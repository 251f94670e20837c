"""A program that is a table of commands, each a module that is imported when it is asked for."""

from __future__ import annotations

import argparse
import logging
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module

from edgeinfer import __version__
from edgeinfer.exits import fill_standard_streams, run_program

Table = Mapping[str, tuple[str, str]]
"""Each command's module and help line. A module has `configure(parser)` and `execute(arguments) -> int`."""


@dataclass(frozen=True)
class Commands:
    """What `main` of a program is made of. `check` is called before a command is executed."""

    program: str
    description: str
    table: Table
    check: Callable[[str], None] = lambda command: None

    def run(self, argv: Sequence[str] | None = None) -> int:
        """The exit code of a command line, by default the process's own; logs go to stderr."""
        fill_standard_streams()
        arguments = sys.argv[1:] if argv is None else list(argv)
        logging.basicConfig(
            level=logging.INFO, format="%(levelname)s %(name)s: %(message)s", stream=sys.stderr
        )
        return run_program(self.program, lambda: self._dispatch(arguments))

    def _dispatch(self, arguments: list[str]) -> int:
        command = self._parser().parse_known_args(arguments[:1])[0].command
        name, text = self.table[command]
        module = import_module(name)
        parser = argparse.ArgumentParser(prog=f"{self.program} {command}", description=text)
        module.configure(parser)
        parsed = parser.parse_args(arguments[1:])
        self.check(command)
        code: int = module.execute(parsed)
        return code

    def _parser(self) -> argparse.ArgumentParser:
        parser = argparse.ArgumentParser(
            prog=self.program,
            description=self.description,
            epilog=f"`{self.program} COMMAND --help` tells more of each.",
        )
        parser.add_argument("--version", action="version", version=f"{self.program} {__version__}")
        commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND", title="commands")
        for name, (_, text) in self.table.items():
            commands.add_parser(name, help=text, add_help=False)
        return parser
