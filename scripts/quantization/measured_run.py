"""Run a converter as a process of its own, with its time and its peak memory."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from edgeinfer.errors import EdgeInferError
from edgeinfer.strict import Struct, decode_json

LAUNCHER = Path(__file__).with_name("child.py")
SHOWN_CHARACTERS = 200


class Cost(Struct, frozen=True):
    """What a process took: wall seconds, its peak resident memory, and processor seconds on all cores."""

    seconds: float
    peak_bytes: int
    cpu_seconds: float = 0.0


class ToolError(EdgeInferError):
    """A converter failed; the message is what it said last."""


def run_measured(
    command: Sequence[str | Path], log: Path, *, variables: Mapping[str, str] | None = None, timeout_s: float
) -> Cost:
    """Run a command with its output in `log`. Raises ToolError if it fails or takes too long."""
    log.parent.mkdir(parents=True, exist_ok=True)
    report = log.with_suffix(".json")
    report.unlink(missing_ok=True)
    full = [sys.executable, "-S", "-E", str(LAUNCHER), str(report), *map(str, command)]
    with log.open("wb") as messages:
        process = subprocess.Popen(
            full, stdout=messages, stderr=messages, env=variables, start_new_session=True
        )
        try:
            code = process.wait(timeout_s)
        except subprocess.TimeoutExpired as error:
            raise ToolError(f"not done after {timeout_s:.0f} s") from error
        finally:
            _end(process)
    if code:
        raise ToolError(last_words(log.read_text(encoding="utf-8", errors="replace")) or f"exit code {code}")
    return decode_json(report.read_bytes(), Cost, str(report))


def last_words(text: str) -> str:
    """What went wrong, of a log: the first error of a chain, for it is the cause; or else the last line."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    named = [line for line in lines if _names_an_error(line)]
    return (named[:1] or lines[-1:] or [""])[0][:SHOWN_CHARACTERS]


def _names_an_error(line: str) -> bool:
    head = line.partition(":")[0]
    return (
        ":" in line and " " not in head and head.endswith(("Error", "Exception", "Fail", "edgeinfer-convert"))
    )


def _end(process: subprocess.Popen[bytes]) -> None:
    """End the launcher and the command, which share a session, if they still run."""
    if process.poll() is None:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
