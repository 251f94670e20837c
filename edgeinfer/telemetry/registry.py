"""The metric registry: what the daemon counts and measures, read by every exporter.

Recording takes about a microsecond and never allocates more memory: a summary keeps a window of the
newest samples. Any thread may record and read.
"""

from __future__ import annotations

import math
import threading
from array import array
from dataclasses import dataclass
from typing import TypeVar

WINDOW_SAMPLES = 512
QUANTILES: dict[str, float] = {"p50": 0.50, "p95": 0.95, "p99": 0.99}


class Counter:
    """A number that only rises."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._value = 0

    def add(self, amount: int = 1) -> None:
        """Count something that happened `amount` times."""
        if amount < 0:
            raise ValueError(f"a counter only rises: {amount}")
        with self._lock:
            self._value += amount

    @property
    def value(self) -> int:
        """The total so far."""
        return self._value


class Gauge:
    """A number that rises and falls; NaN until it is set."""

    def __init__(self) -> None:
        self._value = math.nan

    def set(self, value: float) -> None:
        """The value that holds now."""
        self._value = float(value)

    @property
    def value(self) -> float:
        """The value set last."""
        return self._value


class Summary:
    """Percentiles over a window of the newest samples, in fixed memory."""

    def __init__(self, window: int = WINDOW_SAMPLES) -> None:
        if window < 1:
            raise ValueError(f"a window holds at least one sample: {window}")
        self._lock = threading.Lock()
        self._samples = array("d", bytes(8 * window))
        self._count = 0

    def record(self, value: float) -> None:
        """Add a sample; the oldest one makes room."""
        with self._lock:
            self._samples[self._count % len(self._samples)] = value
            self._count += 1

    @property
    def count(self) -> int:
        """How many samples were recorded ever."""
        return self._count

    def percentiles(self) -> dict[str, float]:
        """p50, p95 and p99 of the window by the nearest-rank definition; empty without samples."""
        with self._lock:
            window = self._samples[: self._count]
        ordered = sorted(window)
        if not ordered:
            return {}
        return {name: ordered[math.ceil(share * len(ordered)) - 1] for name, share in QUANTILES.items()}


@dataclass(frozen=True, order=True, slots=True)
class MetricKey:
    """What a metric is called, and the stream that it belongs to, if any."""

    name: str
    stream: str = ""


Metric = TypeVar("Metric", Counter, Gauge, Summary)


class Registry:
    """All metrics by name and stream. Asking for one that is not there makes it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._metrics: dict[MetricKey, Counter | Gauge | Summary] = {}

    def counter(self, name: str, stream: str = "") -> Counter:
        """A counter; its name ends in `_total`."""
        return self._get(MetricKey(name, stream), Counter)

    def gauge(self, name: str, stream: str = "") -> Gauge:
        """A gauge; its name ends in its unit."""
        return self._get(MetricKey(name, stream), Gauge)

    def summary(self, name: str, stream: str = "") -> Summary:
        """A summary; its name ends in its unit."""
        return self._get(MetricKey(name, stream), Summary)

    def snapshot(self) -> dict[MetricKey, float]:
        """Plain finite numbers: a summary gives one for each percentile, named `NAME_p95`."""
        with self._lock:
            metrics = dict(self._metrics)
        numbers: dict[MetricKey, float] = {}
        for key, metric in metrics.items():
            if isinstance(metric, Summary):
                parts = metric.percentiles().items()
                numbers.update({MetricKey(f"{key.name}_{part}", key.stream): value for part, value in parts})
            elif math.isfinite(metric.value):
                numbers[key] = metric.value
        return numbers

    def _get(self, key: MetricKey, kind: type[Metric]) -> Metric:
        with self._lock:
            metric = self._metrics.setdefault(key, kind())
        if not isinstance(metric, kind):
            raise TypeError(f"{key.name} is a {type(metric).__name__}, not a {kind.__name__}")
        return metric
