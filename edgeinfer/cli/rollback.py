"""`edgeinfer rollback`: go back to the version before."""

from __future__ import annotations

import argparse

from edgeinfer.cli.showing import document_of, print_json, print_lines
from edgeinfer.cli.trusting import add_state_argument, chosen_store
from edgeinfer.exits import Exit


def configure(parser: argparse.ArgumentParser) -> None:
    """The arguments of `edgeinfer rollback`."""
    parser.add_argument("name", metavar="NAME", help="an installed bundle, as `edgeinfer status` names it")
    add_state_argument(parser)
    parser.add_argument("--json", action="store_true", help="one JSON document on stdout")


def execute(arguments: argparse.Namespace) -> int:
    """Switch the active and the previous version."""
    active = chosen_store(arguments).rollback(arguments.name)
    if arguments.json:
        print_json(document_of(active))
    else:
        print_lines([f"{active.name} {active.version} is active again", f"  {active.path}"])
    return Exit.DONE
