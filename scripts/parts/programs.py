"""Run the commands of this virtual environment, and show what they said when they fail."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from edgeinfer.errors import EdgeInferError


def program(name: str) -> Path:
    """A command of this virtual environment."""
    return Path(sys.executable).with_name(name)


def run(command: Sequence[str | Path], log: Path) -> bytes:
    """Run a command with its messages in a log; its output. Raises EdgeInferError with the log's end."""
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("wb") as messages:
        done = subprocess.run(command, stdout=subprocess.PIPE, stderr=messages, check=False)
    if done.returncode:
        shown = " ".join(Path(part).name for part in command[:3])
        raise EdgeInferError(
            f"`{shown}` failed with exit code {done.returncode}:\n{tail(log)}", hint=f"the whole log: {log}"
        )
    return done.stdout


def tail(log: Path, lines: int = 8) -> str:
    """The last lines of a log, indented."""
    text = log.read_text(encoding="utf-8", errors="replace").splitlines()[-lines:]
    return "\n".join(f"    {line}" for line in text)
