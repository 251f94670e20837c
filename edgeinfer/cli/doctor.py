"""`edgeinfer doctor`: which device this is, and what is missing."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from edgeinfer.exits import Exit
from edgeinfer.terminal import wrapped

if TYPE_CHECKING:
    from edgeinfer.cli.checks import Finding

_MARKS = {"ok": "ok", "note": "note", "missing": "MISSING"}


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of the command."""
    parser.add_argument("--json", action="store_true", help="print one JSON document")


def execute(arguments: argparse.Namespace) -> int:
    """Print every finding; exit code 1 if something that is needed is missing."""
    from edgeinfer.cli.checks import examine
    from edgeinfer.cli.machine import Machine
    from edgeinfer.host import detect_host

    host = detect_host()
    findings = tuple(examine(Machine(host)))
    missing = [finding for finding in findings if finding.state == "missing"]
    if arguments.json:
        from edgeinfer.strict import encode_json

        document = {"healthy": not missing, "host": host, "findings": findings}
        text = encode_json(document, indent=2).decode()
    else:
        text = "\n".join(describe(findings))
    sys.stdout.write(f"{text}\n")
    return Exit.FAILED if missing else Exit.DONE


def describe(findings: Sequence[Finding]) -> Iterator[str]:
    """A line a finding, what to do below it, and the sum at the end; 80 columns."""
    topics = max(len(finding.topic) for finding in findings)
    for finding in findings:
        lead = f"{_MARKS[finding.state]:<8}{finding.topic:<{topics + 2}}"
        yield from wrapped(finding.text, lead)
        if finding.hint and finding.state != "ok":
            yield from wrapped(f"-> {finding.hint}", " " * len(lead))
    missing = sum(finding.state == "missing" for finding in findings)
    yield ""
    yield f"{missing} missing" if missing else "nothing is missing"
