"""`edgeinfer install`: verify a bundle, try it on this device, and make it the active version."""

from __future__ import annotations

import argparse

from edgeinfer.cli.showing import document_of, print_json, print_lines
from edgeinfer.cli.trusting import add_state_argument, add_trust_arguments, chosen_store, chosen_trust
from edgeinfer.exits import Exit


def configure(parser: argparse.ArgumentParser) -> None:
    """The arguments of `edgeinfer install`."""
    parser.add_argument("bundle", metavar="BUNDLE_OR_URL", help="an .eib file, or an http(s) address of one")
    add_trust_arguments(parser)
    add_state_argument(parser)
    parser.add_argument("--json", action="store_true", help="one JSON document on stdout")


def execute(arguments: argparse.Namespace) -> int:
    """Install, and tell what is active now."""
    from edgeinfer.host import detect_host

    store = chosen_store(arguments)
    installed = store.install(arguments.bundle, chosen_trust(arguments), detect_host())
    if arguments.json:
        print_json(document_of(installed))
        return Exit.DONE
    before = [one for one in store.status() if one.name == installed.name and one.state == "previous"]
    said = "is installed and active" if installed.fresh else "is active already: nothing to do"
    lines = [f"{installed.name} {installed.version} {said}", f"  {installed.path}"]
    lines += [f"  `edgeinfer rollback {one.name}` goes back to {one.version}" for one in before]
    print_lines(lines)
    return Exit.DONE
