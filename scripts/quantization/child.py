"""Run a command and write how long it took and how much memory it had, as JSON.

    python child.py REPORT.json COMMAND [ARGUMENT ...]

A program of its own because Linux counts the memory of whoever starts a process to that process's peak:
started from the benchmark itself, every tool would seem to need at least what the benchmark holds.
Imports nothing outside the standard library, so that this floor is some 10 MB.
"""

from __future__ import annotations

import json
import os
import resource
import sys
import time
from pathlib import Path


def main() -> int:
    """Run, wait, write; the exit code is the command's."""
    report, command = Path(sys.argv[1]), sys.argv[2:]
    started = time.monotonic()
    process = os.posix_spawnp(command[0], command, os.environ)
    _, status = os.waitpid(process, 0)
    seconds = time.monotonic() - started
    # Of all children that have ended: the one command and what it waited for. KiB on Linux.
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    found = {
        "seconds": seconds,
        "cpu_seconds": usage.ru_utime + usage.ru_stime,
        "peak_bytes": usage.ru_maxrss * 1024,
    }
    report.write_text(json.dumps(found), encoding="utf-8")
    return os.waitstatus_to_exitcode(status)


if __name__ == "__main__":
    sys.exit(main())
