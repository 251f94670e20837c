"""The pipeline's frames per second against the bare runtime's, for bundles of this machine.

    scripts/bench pipeline [BUNDLE ...] [--source URI] [--public-key PEM]

Without a bundle: the demo's (run scripts/demo first). Each bundle is measured by `edgeinfer bench`.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from edgeinfer.errors import EdgeInferError, UsageError
from edgeinfer.exits import Exit, run_program
from edgeinfer.strict import Struct, decode_json
from scripts.parts.programs import program

ROOT = Path(__file__).resolve().parent.parent.parent
DEMO_BUNDLE = ROOT / ".demo" / "parts-host.eib"
DEMO_KEY = ROOT / ".demo" / "keys" / "signing.pub.pem"
HEADER = f"{'bundle':<24}{'pipeline':>10}{'bare':>10}{'ratio':>8}   pre + infer + post, ms"


class Measured(Struct, frozen=True, forbid_unknown_fields=False):
    """What is shown of the report of `edgeinfer bench --json`."""

    pipeline_fps: float
    bare_fps: float
    ratio: float
    latency_ms: dict[str, float]


def measure(bundle: Path, options: Sequence[str]) -> Measured:
    """Run `edgeinfer bench` on a bundle. Raises EdgeInferError with what it says."""
    command = [str(program("edgeinfer")), "bench", str(bundle), "--json", *options]
    done = subprocess.run(command, capture_output=True, check=False)
    if done.returncode:
        raise EdgeInferError(f"{bundle}: {done.stderr.decode(errors='replace').strip()}")
    return decode_json(done.stdout, Measured, "the report of `edgeinfer bench`")


def row(name: str, measured: Measured) -> str:
    """A line of the table."""
    numbers = f"{measured.pipeline_fps:>10.1f}{measured.bare_fps:>10.1f}{measured.ratio:>8.3f}"
    stages = (measured.latency_ms[stage] for stage in ("preprocess", "infer", "postprocess"))
    return f"{name[:23]:<24}{numbers}   {' + '.join(f'{value:.2f}' for value in stages)}"


def options_of(arguments: argparse.Namespace) -> list[str]:
    """What is passed on to `edgeinfer bench`."""
    options = ["--source", arguments.source, "--frames", str(arguments.frames)]
    key = arguments.public_key or (DEMO_KEY if not arguments.bundles else None)
    return [*options, "--public-key", str(key)] if key else options


def main() -> int:
    """Measure and print a table."""
    return run_program("bench", _run)


def _run() -> int:
    arguments = _parser().parse_args()
    bundles = arguments.bundles or [DEMO_BUNDLE]
    if not arguments.bundles and not DEMO_BUNDLE.exists():
        raise UsageError("no bundle to measure", hint="name one, or run scripts/demo first")
    print(HEADER)
    for bundle in bundles:
        print(row(bundle.stem, measure(bundle, options_of(arguments))), flush=True)
    return Exit.DONE


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="bench pipeline", description="The pipeline against the bare runtime."
    )
    parser.add_argument("bundles", nargs="*", type=Path, metavar="BUNDLE", help="default: the demo's")
    parser.add_argument("--source", default="synthetic:", help="frames to use (default: synthetic:)")
    parser.add_argument("--frames", type=int, default=200, help="frames a repetition (default: 200)")
    parser.add_argument("--public-key", type=Path, help="the key to trust (default: yours, or the demo's)")
    return parser


if __name__ == "__main__":
    sys.exit(main())
