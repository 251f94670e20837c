"""Arguments that several commands share: whose signatures to trust, and where the store is."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from edgeinfer.bundle.keys import TrustStore
    from edgeinfer.store.slots import Store


def add_trust_arguments(parser: argparse.ArgumentParser) -> None:
    """`--trust DIR` or `--public-key PEM`; without them, the system's and the user's keys."""
    trust = parser.add_mutually_exclusive_group()
    trust.add_argument("--trust", type=Path, metavar="DIR", help="folder of public keys to trust")
    trust.add_argument("--public-key", type=Path, metavar="PEM", help="the one public key to trust")


def chosen_trust(arguments: argparse.Namespace) -> TrustStore:
    """The keys to trust. Raises SettingsError."""
    from edgeinfer.bundle.keys import TrustStore, default_trust

    chosen = arguments.trust or arguments.public_key
    return TrustStore.load([chosen]) if chosen else default_trust()


def add_state_argument(parser: argparse.ArgumentParser) -> None:
    """`--state DIR`: where the store lies."""
    parser.add_argument("--state", type=Path, metavar="DIR", help="state folder that holds the store")


def chosen_store(arguments: argparse.Namespace) -> Store:
    """The store that the arguments name."""
    from edgeinfer.places import state_folder
    from edgeinfer.store.slots import Store

    return Store(arguments.state or state_folder())
