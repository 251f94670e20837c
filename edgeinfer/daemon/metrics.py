"""The metrics of one stream, taken out of the registry once instead of at each frame."""

from __future__ import annotations

from dataclasses import dataclass

from edgeinfer.processing.results import Result
from edgeinfer.telemetry.document import FRAMES
from edgeinfer.telemetry.registry import Counter, Registry, Summary


@dataclass(frozen=True, slots=True)
class StreamMetrics:
    """Frames: captured, inferred (`frames`), dropped for lack of time, skipped by max_fps, failed."""

    captured: Counter
    frames: Counter
    dropped: Counter
    skipped: Counter
    errors: Counter
    restarts: Counter
    age: Summary
    preprocess: Summary
    infer: Summary
    postprocess: Summary

    @classmethod
    def of(cls, registry: Registry, stream: str) -> StreamMetrics:
        """The metrics of a stream, made where they are not there yet."""
        return cls(
            captured=registry.counter("captured_total", stream),
            frames=registry.counter(FRAMES, stream),
            dropped=registry.counter("dropped_total", stream),
            skipped=registry.counter("skipped_total", stream),
            errors=registry.counter("errors_total", stream),
            restarts=registry.counter("restarts_total", stream),
            age=registry.summary("age_ms", stream),
            preprocess=registry.summary("preprocess_ms", stream),
            infer=registry.summary("infer_ms", stream),
            postprocess=registry.summary("postprocess_ms", stream),
        )

    def record(self, result: Result) -> None:
        """Count a result and its times."""
        self.frames.add()
        self.age.record(result.age_ms)
        self.preprocess.record(result.latency_ms.preprocess)
        self.infer.record(result.latency_ms.infer)
        self.postprocess.record(result.latency_ms.postprocess)
