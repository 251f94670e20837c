"""The metrics document: what PREFIX/DEVICE/metrics carries, described in docs/mqtt.md.

Flat objects of numbers, one for the device and one for each stream: the shape that MQTT-to-Prometheus
bridges, Node-RED and Telegraf take as it is. What is not known is left out; nothing is null.
"""

from __future__ import annotations

from dataclasses import asdict
from datetime import datetime
from typing import Literal

from edgeinfer.processing.results import timestamp
from edgeinfer.strict import Struct, encode_json
from edgeinfer.telemetry.registry import MetricKey, Registry
from edgeinfer.telemetry.system import SystemSample

DECIMALS = 3
FRAMES = "frames_total"


class MetricsDocument(Struct, frozen=True, omit_defaults=True):
    """Totals count from the start of the process; `streams` is by name."""

    schema: Literal[1]
    device: str
    time: str
    uptime_s: float
    messages_sent_total: int
    messages_dropped_total: int
    streams: dict[str, dict[str, float]]
    process_memory_bytes: int | None = None
    process_cpu_percent: float | None = None
    process_threads: int | None = None
    system_memory_available_bytes: int | None = None
    system_memory_percent: float | None = None
    system_cpu_percent: float | None = None
    temperature_celsius: float | None = None
    throttled: int | None = None


class MetricsReporter:
    """Makes a document from the registry; remembers the one before, for rates.

    `now_s` is `time.monotonic()`. Percentiles of a stream that had no frame since the document before
    are left out: they would tell of the past.
    """

    def __init__(self, registry: Registry, device: str, streams: tuple[str, ...], now_s: float) -> None:
        self._registry = registry
        self._device = device
        self._streams = streams
        self._started_s = now_s
        self._last_s = now_s
        self._last_frames = dict.fromkeys(streams, 0)

    def report(
        self, system: SystemSample, *, sent: int, dropped: int, now_s: float, time: datetime
    ) -> MetricsDocument:
        """The document of this moment."""
        numbers = self._registry.snapshot()
        elapsed_s = max(now_s - self._last_s, 1e-9)
        streams = {name: self._stream(name, numbers, elapsed_s) for name in self._streams}
        self._last_s = now_s
        facts = asdict(system)
        throttled = facts.pop("throttled")
        return MetricsDocument(
            schema=1,
            device=self._device,
            time=timestamp(time),
            uptime_s=round(now_s - self._started_s, DECIMALS),
            messages_sent_total=sent,
            messages_dropped_total=dropped,
            streams=streams,
            throttled=None if throttled is None else int(throttled),
            **facts,
        )

    def _stream(self, name: str, numbers: dict[MetricKey, float], elapsed_s: float) -> dict[str, float]:
        own = {key.name: round(value, DECIMALS) for key, value in numbers.items() if key.stream == name}
        frames = int(own.get(FRAMES, 0))
        new, self._last_frames[name] = frames - self._last_frames[name], frames
        if not new:
            own = {key: value for key, value in own.items() if "_ms_p" not in key}
        return {"fps": round(new / elapsed_s, DECIMALS), **own}


def encode_metrics(document: MetricsDocument) -> bytes:
    """One line of JSON."""
    return encode_json(document)
