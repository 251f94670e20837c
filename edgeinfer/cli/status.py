"""`edgeinfer status`: what is installed, and which version is active."""

from __future__ import annotations

import argparse

from edgeinfer.cli.showing import document_of, print_json, print_lines, size_text, table_lines
from edgeinfer.cli.trusting import add_state_argument, chosen_store
from edgeinfer.exits import Exit


def configure(parser: argparse.ArgumentParser) -> None:
    """The arguments of `edgeinfer status`."""
    add_state_argument(parser)
    parser.add_argument("--json", action="store_true", help="one JSON document on stdout")


def execute(arguments: argparse.Namespace) -> int:
    """List every installed version."""
    store = chosen_store(arguments)
    found = store.status()
    if arguments.json:
        print_json({"store": str(store.folder), "bundles": [document_of(one) for one in found]})
        return Exit.DONE
    if not found:
        print_lines([f"nothing is installed in {store.folder}"])
        return Exit.DONE
    rows = [("NAME", "VERSION", "STATE", "SHA256", "SIZE")]
    rows += [
        (one.name, one.version, one.state, one.slot.rpartition("-")[2], size_text(one.size_bytes))
        for one in found
    ]
    print_lines(table_lines(rows))
    return Exit.DONE
