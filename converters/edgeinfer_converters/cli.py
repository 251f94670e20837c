"""The `edgeinfer-convert` command."""

from __future__ import annotations

import atexit
import gc
import sys
from collections.abc import Sequence
from importlib.util import find_spec

from edgeinfer.commands import Commands
from edgeinfer.errors import MissingRuntimeError

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
    # The system takes all memory back at once: to look for cycles in it first takes a quarter of a second.
    atexit.register(gc.freeze)
    description = "Turn trained models into small, fast, signed bundles for edge devices."
    return Commands("edgeinfer-convert", description, COMMANDS, _check).run(argv)


def _check(command: str) -> None:
    if command not in NEED_NO_EXTRA:
        check_extra()


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
