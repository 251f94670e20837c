"""How far the estimates of `edgeinfer-convert` are from published times, and where their rates come from.

    scripts/bench estimate [--write] [--forms]

Nothing is timed here. The networks of published times are built with their shapes, the rates of each device
are fitted on its times, and each time is also estimated from the others alone. docs/benchmarks.md explains.
"""

from __future__ import annotations

import argparse
import sys

from edgeinfer.exits import Exit, run_program
from scripts.estimates.anchors import LEFT_OUT, anchors
from scripts.estimates.device import compare_forms, fit_device
from scripts.estimates.table import cost_toml, device_table, forms_table, strangers_table


def main() -> int:
    """Fit and print."""
    return run_program("bench", _run)


def _run() -> int:
    arguments = parse()
    found = anchors()
    if arguments.forms:
        print("\n\n".join(forms_table(name, compare_forms(those)) for name, those in found.items()))
        return Exit.DONE
    fitted = {name: fit_device(those) for name, those in found.items()}
    if arguments.write:
        tables = (f"# {name}.toml\n\n{cost_toml(one.costs.values())}" for name, one in fitted.items())
        print("\n\n".join(tables))
        return Exit.DONE
    print("\n\n".join([*map(device_table, fitted.values()), strangers_table(LEFT_OUT, fitted)]))
    return Exit.DONE


def parse(words: list[str] | None = None) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(prog="bench estimate", description="Published times against estimates.")
    parser.add_argument("--write", action="store_true", help="instead: the [[cost]] tables, to be pasted")
    parser.add_argument("--forms", action="store_true", help="instead: what other forms of the cost would do")
    return parser.parse_args(words)


if __name__ == "__main__":
    sys.exit(main())
