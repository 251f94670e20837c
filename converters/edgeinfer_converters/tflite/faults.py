"""Operators that TFLite has no equal for: collected, and told all at once."""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import islice

from edgeinfer.errors import ModelError

_SHOWN = 20
"""Nodes that an error names one by one."""


class UnsupportedError(Exception):
    """Raised while lowering one node, with the reason; never leaves this package."""


@dataclass
class Faults:
    """Why nodes could not be lowered."""

    found: list[str] = field(default_factory=list)

    def add(self, kind: str, name: str, output: str, reason: str) -> None:
        """Note one node."""
        self.found.append(f"{kind} `{name or output}` (output `{output}`): {reason}")

    def check(self) -> None:
        """Raises ModelError if there is any."""
        if not self.found:
            return
        more = len(self.found) - _SHOWN
        lines = [*islice(self.found, _SHOWN), *([f"and {more} more"] if more > 0 else [])]
        raise ModelError(
            "TFLite has no equal for part of the model:\n  " + "\n  ".join(lines),
            hint="use --format onnx, or export the model without these operators",
        )
