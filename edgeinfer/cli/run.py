"""`edgeinfer run`: a bundle on a source, results on stdout."""

from __future__ import annotations

import argparse
import platform
import sys
import time
from collections import deque
from pathlib import Path
from typing import TYPE_CHECKING

from edgeinfer.cli.opening import add_bundle_arguments, open_argument, positive
from edgeinfer.exits import Exit
from edgeinfer.terminal import WIDTH

if TYPE_CHECKING:
    from collections.abc import Callable

    from edgeinfer.frames import Frame
    from edgeinfer.pipeline import Pipeline
    from edgeinfer.processing.results import Result
    from edgeinfer.sources import Source

_LATENCIES_KEPT = 100_000


def configure(parser: argparse.ArgumentParser) -> None:
    """The arguments of `edgeinfer run`."""
    add_bundle_arguments(parser)
    parser.add_argument(
        "--source",
        required=True,
        metavar="URI",
        help="images:///folder, file:///clip.mp4, v4l2:///dev/video0, …",
    )
    parser.add_argument("--max-frames", type=positive, metavar="N", help="stop after N frames")
    parser.add_argument("--json", action="store_true", help="one JSON document a line for each result")
    parser.add_argument("--save", type=Path, metavar="DIR", help="write the pictures with what was found")


def execute(arguments: argparse.Namespace) -> int:
    """Run until the source ends, `--max-frames` are done, or the user interrupts."""
    from edgeinfer.pipeline import open_pipeline
    from edgeinfer.sources import open_source

    bundle = open_argument(arguments)
    show = _printer(json=arguments.json, folder=arguments.save)
    tally = Tally()
    # The source is opened last: a camera's frames would grow old while the model is loaded.
    with (
        open_pipeline(
            bundle,
            threads=arguments.threads,
            device=platform.node(),
            stream="run",
            processor_only=arguments.allow_foreign,
        ) as pipeline,
        open_source(arguments.source, pipeline.source_spec) as source,
    ):
        try:
            run_frames(source, pipeline, show, tally, arguments.max_frames)
        finally:
            sys.stderr.write(f"{tally.summary()}\n")
    return Exit.DONE


class Tally:
    """What came through: frames, time and latencies."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._started_s: float | None = None
        self._ended_s = 0.0
        self._latencies_ms: deque[float] = deque(maxlen=_LATENCIES_KEPT)
        self._frames = 0

    def start(self) -> None:
        """Frames come from now on."""
        self._started_s = self._ended_s = self._clock()

    def add(self, result: Result) -> None:
        """Count one result."""
        latency = result.latency_ms
        self._latencies_ms.append(latency.preprocess + latency.infer + latency.postprocess)
        self._frames += 1
        self._ended_s = self._clock()

    def summary(self) -> str:
        """One line, such as `300 frames in 6.1 s, 49.0 fps; latency p50 18.2 ms, p95 21.0 ms`."""
        if not self._frames or self._started_s is None:
            return "no frames"
        import numpy as np

        elapsed_s = self._ended_s - self._started_s
        half, most = np.percentile(self._latencies_ms, (50, 95))
        rate = f", {self._frames / elapsed_s:.1f} fps" if elapsed_s > 0 else ""
        return (
            f"{self._frames} frames in {elapsed_s:.1f} s{rate}; latency p50 {half:.1f} ms, p95 {most:.1f} ms"
        )


def run_frames(
    source: Source,
    pipeline: Pipeline,
    show: Callable[[Frame, Result], None],
    tally: Tally,
    max_frames: int | None,
) -> None:
    """Source to results until there are no more or enough frames."""
    tally.start()
    done = 0
    while (max_frames is None or done < max_frames) and (frame := source.read()) is not None:
        result = pipeline.process(frame)
        tally.add(result)
        show(frame, result)
        done += 1


def _printer(*, json: bool, folder: Path | None) -> Callable[[Frame, Result], None]:
    from edgeinfer.cli.describing import describe
    from edgeinfer.processing.results import encode_result

    def show(frame: Frame, result: Result) -> None:
        line = encode_result(result).decode() if json else _shortened(describe(result))
        sys.stdout.write(f"{line}\n")
        sys.stdout.flush()
        if folder is not None:
            from edgeinfer.annotate import save_annotated

            save_annotated(folder, frame, result)

    if folder is not None:
        folder.mkdir(parents=True, exist_ok=True)
    return show


def _shortened(line: str) -> str:
    return line if len(line) <= WIDTH else f"{line[: WIDTH - 1]}…"
