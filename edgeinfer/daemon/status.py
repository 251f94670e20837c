"""How the daemon fares in one line, and how it fared when it has ended."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from edgeinfer.daemon.states import StateBoard
from edgeinfer.sinks import SinkHealth
from edgeinfer.telemetry.document import FRAMES
from edgeinfer.telemetry.registry import MetricKey, Registry


def status_line(states: StateBoard, streams: int, sinks: Sequence[SinkHealth]) -> str:
    """What `systemctl status` shows: streams that run, those that do not and why, each sink."""
    parts = [f"{states.count('running')} of {streams} streams running"]
    parts += [f"{name}: {reason}" for name, reason in states.reasons().items()]
    parts += [f"{one.name}: {one.fault or 'connected'}" for one in sinks]
    return "; ".join(parts)


@dataclass(frozen=True)
class StreamSummary:
    """A stream's totals; milliseconds are None without a frame, `fps` is from the first frame to the last."""

    name: str
    state: str
    frames: int
    fps: float
    dropped: int
    errors: int
    infer_p50_ms: float | None
    age_p95_ms: float | None


@dataclass(frozen=True)
class Summary:
    """How it went, from the first to the last frame."""

    duration_s: float
    streams: tuple[StreamSummary, ...]
    sent: int
    messages_dropped: int
    threads_left_behind: int

    @property
    def failed(self) -> tuple[str, ...]:
        """The streams that did not start or were given up."""
        return tuple(one.name for one in self.streams if one.state == "failed")

    def text(self) -> str:
        """Lines for people."""
        lines = [
            f"{one.name}: {one.state}, {one.frames} frames"
            + (f" ({one.fps:.1f}/s)" if one.fps else "")
            + f", {one.dropped} dropped, {one.errors} errors"
            + (f", inference {one.infer_p50_ms:.1f} ms" if one.infer_p50_ms is not None else "")
            + (f", age at most {one.age_p95_ms:.0f} ms (p95)" if one.age_p95_ms is not None else "")
            for one in self.streams
        ]
        ended = f"{self.sent} messages sent, {self.messages_dropped} dropped, {self.duration_s:.1f} s"
        return "\n".join([*lines, ended])


def summarize(
    registry: Registry,
    names: Sequence[str],
    states: StateBoard,
    sinks: Sequence[SinkHealth],
    *,
    active_s: Mapping[str, float],
    duration_s: float,
    threads_left_behind: int,
) -> Summary:
    """The summary of what the registry counted; `active_s` is from a stream's first frame to its last."""
    numbers = registry.snapshot()

    def total(name: str, stream: str) -> int:
        return int(numbers.get(MetricKey(name, stream), 0))

    streams = tuple(
        StreamSummary(
            name=name,
            state=states.of(name),
            frames=total(FRAMES, name),
            fps=max(0, total(FRAMES, name) - 1) / active_s[name] if active_s.get(name) else 0.0,
            dropped=total("dropped_total", name),
            errors=total("errors_total", name),
            infer_p50_ms=numbers.get(MetricKey("infer_ms_p50", name)),
            age_p95_ms=numbers.get(MetricKey("age_ms_p95", name)),
        )
        for name in names
    )
    return Summary(
        duration_s=duration_s,
        streams=streams,
        sent=sum(one.sent for one in sinks),
        messages_dropped=sum(one.dropped for one in sinks),
        threads_left_behind=threads_left_behind,
    )
