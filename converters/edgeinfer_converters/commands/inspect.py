"""`edgeinfer-convert inspect`: tell what is in a model, and what a device makes of it."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("model", type=Path, metavar="MODEL", help="an .onnx or .tflite file")
    parser.add_argument("--profile", metavar="NAME", help="also tell what keeps it from running there")
    parser.add_argument("--json", action="store_true", help="print JSON")


def execute(arguments: argparse.Namespace) -> int:
    """Run the command. Raises ModelError, SettingsError."""
    from edgeinfer.exits import Exit
    from edgeinfer.strict import encode_json
    from edgeinfer_converters.building.convert import find_profile
    from edgeinfer_converters.sources.inspect import inspect_model
    from edgeinfer_converters.sources.inspect_text import render_text
    from edgeinfer_converters.sources.source import read_source

    profile = find_profile(arguments.profile) if arguments.profile else None
    source = read_source(arguments.model, runnable=False)
    graph = source.graph
    inspection = inspect_model(source.data if graph is None else graph, profile)
    text = encode_json(inspection, indent=2).decode() if arguments.json else render_text(inspection)
    sys.stdout.write(text + "\n")
    return Exit.DONE
