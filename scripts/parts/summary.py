"""What the demo says at the end, counted from the messages that came in."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from edgeinfer.strict import Struct, decode_json
from scripts.parts.messages import PartSeen, Reading

DROPPED = "dropped_total"


class Metrics(Struct, frozen=True, forbid_unknown_fields=False):
    """What the demo needs of a metrics message; docs/mqtt.md has all of it."""

    streams: dict[str, dict[str, float]]
    process_memory_bytes: int | None = None


def parse_metrics(payload: bytes) -> Metrics:
    """Read a metrics message. Raises SettingsError for one of another form."""
    return decode_json(payload, Metrics, "a metrics message")


@dataclass
class Tally:
    """Grows with every message."""

    messages: Counter[str] = field(default_factory=Counter)
    ages_ms: list[float] = field(default_factory=list)
    took_ms: list[float] = field(default_factory=list)
    first_s: float | None = None
    last_s: float = 0.0
    parts: list[PartSeen] = field(default_factory=list)
    metrics: Metrics | None = None

    def count(self, topic: str) -> None:
        """Count a message by the last word of its topic."""
        self.messages[topic.rsplit("/", 1)[-1]] += 1

    def add(self, reading: Reading, at_s: float) -> None:
        """Take a result that arrived at `at_s` of the monotonic clock."""
        self.first_s = at_s if self.first_s is None else self.first_s
        self.last_s = at_s
        self.ages_ms.append(reading.age_ms)
        self.took_ms.append(reading.took_ms)

    @property
    def frames(self) -> int:
        """How many results came in."""
        return len(self.took_ms)

    @property
    def elapsed_s(self) -> float:
        """From the first result to the last."""
        return 0.0 if self.first_s is None else self.last_s - self.first_s

    @property
    def fps(self) -> float:
        """Results a second between the first and the last."""
        return (self.frames - 1) / self.elapsed_s if self.elapsed_s > 0 else 0.0


def summary(tally: Tally, drawn: Sequence[str], stream: str) -> str:
    """The summary, at most 80 columns wide; `drawn` are the true conditions in the order of the clip."""
    numbers = tally.metrics.streams.get(stream, {}) if tally.metrics else {}
    lines = [
        ("frames", f"{tally.frames}, {tally.fps:.1f} a second"),
        ("dropped", f"{numbers[DROPPED]:.0f}" if DROPPED in numbers else "not reported"),
        ("latency", f"{_spread(tally.took_ms)} for preprocessing, inference, postprocessing"),
        ("age", f"{_spread(tally.ages_ms)} from the camera to the result"),
        ("messages", _messages(tally.messages)),
        ("parts", _verdicts(tally.parts, drawn)),
    ]
    if tally.metrics and tally.metrics.process_memory_bytes:
        lines.append(("memory", f"{tally.metrics.process_memory_bytes / 1e6:.0f} MB in the daemon's process"))
    return "\n".join(f"  {name:<10}{text}" for name, text in lines)


def _spread(values_ms: Sequence[float]) -> str:
    if not values_ms:
        return "none"
    half, most = np.percentile(values_ms, (50, 95))
    return f"{half:.1f} ms (95 %: {most:.1f} ms)"


def _messages(counts: Counter[str]) -> str:
    kinds = ", ".join(f"{count} {kind}" for kind, count in counts.most_common())
    return f"{sum(counts.values())} ({kinds})" if counts else "0"


def _verdicts(parts: Sequence[PartSeen], drawn: Sequence[str]) -> str:
    right = sum(part.verdict == truth for part, truth in zip(parts, drawn, strict=False))
    seen = "" if len(parts) == len(drawn) else f" ({len(parts)} seen)"
    return f"{right} of {len(drawn)} judged as they were drawn{seen}"
