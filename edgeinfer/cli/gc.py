"""`edgeinfer gc`: remove versions that are no longer needed."""

from __future__ import annotations

import argparse

from edgeinfer.cli.showing import document_of, print_json, print_lines, size_text
from edgeinfer.cli.trusting import add_state_argument, chosen_store
from edgeinfer.exits import Exit


def configure(parser: argparse.ArgumentParser) -> None:
    """The arguments of `edgeinfer gc`."""
    add_state_argument(parser)
    parser.add_argument("--json", action="store_true", help="one JSON document on stdout")


def execute(arguments: argparse.Namespace) -> int:
    """Keep the active and the previous version of each bundle, remove the rest."""
    removed = chosen_store(arguments).gc()
    freed_bytes = sum(one.size_bytes for one in removed)
    if arguments.json:
        print_json({"removed": [document_of(one) for one in removed], "freed_bytes": freed_bytes})
    elif removed:
        lines = [f"removed {one.path}, {size_text(one.size_bytes)}" for one in removed]
        print_lines([*lines, f"{size_text(freed_bytes)} are free again"])
    else:
        print_lines(["nothing to remove: only active and previous versions are there"])
    return Exit.DONE
