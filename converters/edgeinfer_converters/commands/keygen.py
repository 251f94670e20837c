"""`edgeinfer-convert keygen`: make a key pair to sign bundles with."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("folder", type=Path, metavar="DIR", help="where signing.pem and signing.pub.pem go")


def execute(arguments: argparse.Namespace) -> int:
    """Run the command. Raises SettingsError rather than replace a key."""
    from edgeinfer.bundle.keys import generate_keys
    from edgeinfer.exits import Exit

    paths = generate_keys(arguments.folder)
    width = len(str(paths.public))
    sys.stdout.write(
        f"{paths.private!s:<{width}}  secret: who has it can sign for your devices\n"
        f"{paths.public}  goes into /etc/edgeinfer/trust.d of each device\n"
    )
    return Exit.DONE
