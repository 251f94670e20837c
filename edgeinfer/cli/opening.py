"""What the commands that run a bundle have in common: naming, trusting and opening it."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from edgeinfer.cli.trusting import add_state_argument, add_trust_arguments, chosen_store, chosen_trust
from edgeinfer.errors import StoreError

if TYPE_CHECKING:
    from edgeinfer.bundle.reader import Bundle


def add_bundle_arguments(parser: argparse.ArgumentParser) -> None:
    """BUNDLE, whom to trust, where installed ones lie, threads, and whether it has to be for this device."""
    parser.add_argument("bundle", metavar="BUNDLE", help="an .eib file, its folder, or an installed name")
    add_trust_arguments(parser)
    add_state_argument(parser)
    parser.add_argument("--threads", type=positive, metavar="N", help="threads of the runtime [profile's]")
    parser.add_argument(
        "--allow-foreign",
        action="store_true",
        help="run a bundle for another device, on this machine's processor",
    )


def positive(text: str) -> int:
    """An integer above zero, for argparse."""
    number = int(text)
    if number < 1:
        raise ValueError(text)
    return number


def open_argument(arguments: argparse.Namespace) -> Bundle:
    """The bundle that the arguments name, verified and, unless told otherwise, fit for this device.

    Raises BundleError, StoreError, SettingsError.
    """
    from edgeinfer.bundle.reader import open_bundle

    bundle = open_bundle(_find(arguments), chosen_trust(arguments))
    if not arguments.allow_foreign:
        from edgeinfer.bundle.fit import check_fit
        from edgeinfer.host import detect_host

        check_fit(bundle.manifest, bundle.profile, detect_host())
    return bundle


def _find(arguments: argparse.Namespace) -> Path:
    name: str = arguments.bundle
    path = Path(name)
    if path.exists():
        return path
    if "/" in name or path.suffix == ".eib":
        raise StoreError(f"{name}: no such bundle")
    folder: Path = chosen_store(arguments).active(name)
    return folder
