"""Timing a pipeline against the bare runtime, in turns, and the report of it."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Protocol, cast

from edgeinfer.errors import SourceError, UsageError
from edgeinfer.frames import Array, Frame
from edgeinfer.strict import Struct

if TYPE_CHECKING:
    from edgeinfer.bundle.reader import Bundle
    from edgeinfer.pipeline import Pipeline
    from edgeinfer.processing.results import Latency
    from edgeinfer.sources import Source

REPETITIONS = 5


class Bare(Protocol):
    """What a backend has besides its seam: the runtime's own call."""

    def bare(self) -> Callable[[Mapping[str, Array]], object]: ...


class Report(Struct, frozen=True):
    """Medians over the repetitions. `latency_ms` are medians over all frames, `other` is the rest."""

    schema: int
    model: str
    source: str
    frames: int
    repetitions: int
    pipeline_fps: float
    bare_fps: float
    ratio: float
    latency_ms: dict[str, float]


def golden_frames(bundle: Bundle) -> list[Frame]:
    """The bundle's golden inputs, for models that take arrays as they are. Raises UsageError without any."""
    samples = next(iter(bundle.golden_inputs().values()), None)
    if samples is None:
        raise UsageError("this bundle has no golden inputs to measure with", hint="give --source npz:///FILE")
    now, now_s = datetime.now(timezone.utc), time.monotonic()
    return [Frame(array, number, now, now_s) for number, array in enumerate(samples)]


def collect(source: Source, count: int, where: str) -> list[Frame]:
    """Up to `count` frames. Raises SourceError if there is none."""
    frames: list[Frame] = []
    while len(frames) < count and (frame := source.read()) is not None:
        frames.append(frame)
    if not frames:
        raise SourceError(f"{where}: gave no frames to measure with")
    return frames


def measure(
    pipeline: Pipeline,
    frames: Sequence[Frame],
    count: int,
    source: str,
    clock: Callable[[], float] = time.perf_counter,
) -> Report:
    """Time both ways in turns, so that what else the machine does falls on both alike."""
    call = cast(Bare, pipeline.backend).bare()
    name = pipeline.backend.inputs[0].name
    tensors = [{name: pipeline.preprocess(frame.data).tensor} for frame in frames]
    latencies: list[tuple[float, Latency]] = []

    def whole(index: int) -> None:
        started_s = clock()
        latency = pipeline.process(frames[index]).latency_ms
        latencies.append(((clock() - started_s) * 1e3, latency))

    def bare(index: int) -> None:
        call(tensors[index])

    order = [index % len(frames) for index in range(count)]
    for index in order[:3]:  # first calls allocate and warm caches
        whole(index)
        bare(index)
    latencies.clear()
    times = [(_time(whole, order, clock), _time(bare, order, clock)) for _ in range(REPETITIONS)]
    whole_s, bare_s = (statistics.median(column) / count for column in zip(*times, strict=True))
    return Report(
        schema=1,
        model=pipeline.name,
        source=source,
        frames=count,
        repetitions=REPETITIONS,
        pipeline_fps=round(1 / whole_s, 2),
        bare_fps=round(1 / bare_s, 2),
        ratio=round(bare_s / whole_s, 4),
        latency_ms=_stages(latencies),
    )


def table(report: Report) -> str:
    """The report for people."""
    stages = ", ".join(f"{name} {value:.3f}" for name, value in report.latency_ms.items())
    return (
        f"{report.model} on {report.source}, {report.repetitions} x {report.frames} frames\n"
        f"pipeline      {report.pipeline_fps:9.1f} frames/s\n"
        f"bare runtime  {report.bare_fps:9.1f} frames/s\n"
        f"ratio         {report.ratio:9.3f}\n"
        f"ms a frame    {stages}\n"
    )


def _time(work: Callable[[int], None], order: Sequence[int], clock: Callable[[], float]) -> float:
    started = clock()
    for index in order:
        work(index)
    return clock() - started


def _stages(latencies: Sequence[tuple[float, Latency]]) -> dict[str, float]:
    rows = [
        (one.preprocess, one.infer, one.postprocess, whole_ms - one.preprocess - one.infer - one.postprocess)
        for whole_ms, one in latencies
    ]
    names = ("preprocess", "infer", "postprocess", "other")
    columns = zip(names, zip(*rows, strict=True), strict=True)
    return {name: round(statistics.median(column), 3) for name, column in columns}
