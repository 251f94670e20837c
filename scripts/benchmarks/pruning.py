"""Our pruning against that by magnitude, on the zoo's models and data, side by side.

    scripts/bench pruning [--task NAME …] [--share SHARE …] [--rounds N] [--json]

Each gets the float model; ours and the bias correction get the zoo's calibration inputs too, and nobody
labels. docs/pruning.md explains the method and the figures.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

from edgeinfer.exits import Exit, run_program
from edgeinfer.strict import encode_json
from scripts.pruning.candidates import Bench
from scripts.pruning.table import legend, task_table
from scripts.quantization.tasks import open_zoo, zoo_folder

ROOT = Path(__file__).resolve().parent.parent.parent
TASKS = ("resnet8", "squeezenet", "mobilenetv2")
SHARES = (0.1, 0.2, 0.3, 0.5)
MULTIPLES = {"resnet8": 4}
"""Of channels, instead of MULTIPLE: a network with groups of 16 has few multiples of 8."""

MULTIPLE, ROUNDS = 8, 100


def main() -> int:
    """Measure and print."""
    return run_program("bench", _run)


def _run() -> int:
    arguments = parse()
    zoo = open_zoo(zoo_folder(ROOT))
    results = []
    with tempfile.TemporaryDirectory(prefix="edgeinfer-bench-") as name:
        for task in arguments.task or TASKS:
            shares = tuple(arguments.share or SHARES)
            folder = arguments.keep or Path(name)
            folder.mkdir(parents=True, exist_ok=True)
            bench = Bench(zoo, folder, shares, arguments.rounds, MULTIPLES.get(task, MULTIPLE))
            results.append(bench.run(task))
            if not arguments.json:
                print(task_table(results[-1]) + "\n", flush=True)
    print(encode_json(results, indent=2).decode() if arguments.json else legend())
    return Exit.DONE


def parse(words: list[str] | None = None) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(
        prog="bench pruning", description="Our pruning against that by magnitude."
    )
    parser.add_argument("--task", action="append", choices=TASKS, help="only this one; may be repeated")
    parser.add_argument("--share", action="append", type=float, help="of the MACs; may be repeated")
    parser.add_argument("--rounds", type=int, default=ROUNDS, help=f"of timing, {ROUNDS} by default")
    parser.add_argument("--keep", type=Path, metavar="DIR", help="keep the models there")
    parser.add_argument("--json", action="store_true", help="print one JSON document")
    return parser.parse_args(words)


if __name__ == "__main__":
    sys.exit(main())
