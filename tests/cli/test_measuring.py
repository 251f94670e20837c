"""Honest figures from a clock that is set by hand."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from edgeinfer.cli.measuring import REPETITIONS, Report, collect, measure, table
from edgeinfer.errors import SourceError
from edgeinfer.frames import Array
from edgeinfer.sources.fake import FakeSource
from tests.fixtures.pipelines import brightness, gray_frame, light_backend, light_pipeline


class Clock:
    """Moves on by what the model takes, and by a tick whenever it is read."""

    def __init__(self, tick_s: float) -> None:
        self.now_s = 0.0
        self.tick_s = tick_s

    def __call__(self) -> float:
        self.now_s += self.tick_s
        return self.now_s


def test_both_ways_run_the_same_frames_as_often() -> None:
    seen: list[float] = []

    def answer(tensors: Mapping[str, Array]) -> dict[str, Array]:
        seen.append(float(tensors["image"].mean()))
        return brightness(tensors)

    frames = [gray_frame(level) for level in (10, 20)]
    report = measure(light_pipeline(light_backend(answer)), frames, 4, "here")
    assert report.frames == 4
    assert report.repetitions == REPETITIONS
    # Three frames each way to warm up, then four frames each way a repetition, the two levels in turn.
    assert len(seen) == 2 * (3 + 4 * REPETITIONS)
    one_round = [10.0, 20.0] * 4
    assert seen[6:] == one_round * REPETITIONS


def test_the_ratio_is_the_bare_time_over_the_whole() -> None:
    clock = Clock(0.0)

    def answer(tensors: Mapping[str, Array]) -> dict[str, Array]:
        clock.now_s += 0.010
        return brightness(tensors)

    pipeline = light_pipeline(light_backend(answer))
    process = pipeline.process

    def slower(frame: Any) -> Any:
        clock.now_s += 0.010
        return process(frame)

    pipeline.process = slower  # type: ignore[method-assign]  # ten milliseconds of everything else
    report = measure(pipeline, [gray_frame(0)], 5, "here", clock)
    assert report.bare_fps == pytest.approx(100.0)
    assert report.pipeline_fps == pytest.approx(50.0)
    assert report.ratio == pytest.approx(0.5)


def test_the_stages_add_up_to_the_whole() -> None:
    report = measure(light_pipeline(), [gray_frame(0)], 3, "here")
    assert list(report.latency_ms) == ["preprocess", "infer", "postprocess", "other"]
    assert all(value >= 0 for value in report.latency_ms.values())


def test_people_read_a_table() -> None:
    report = Report(
        schema=1,
        model="m@1.0.0",
        source="synthetic:",
        frames=50,
        repetitions=5,
        pipeline_fps=182.34,
        bare_fps=190.11,
        ratio=0.9591,
        latency_ms={"preprocess": 0.3, "infer": 5.1, "postprocess": 0.03, "other": 0.02},
    )
    assert table(report).splitlines() == [
        "m@1.0.0 on synthetic:, 5 x 50 frames",
        "pipeline          182.3 frames/s",
        "bare runtime      190.1 frames/s",
        "ratio             0.959",
        "ms a frame    preprocess 0.300, infer 5.100, postprocess 0.030, other 0.020",
    ]


@pytest.mark.parametrize(("there", "wanted", "taken"), [(5, 3, 3), (2, 3, 2)])
def test_frames_are_collected_up_to_the_count(there: int, wanted: int, taken: int) -> None:
    with FakeSource([gray_frame(0).data] * there) as source:
        assert len(collect(source, wanted, "fake")) == taken


def test_a_source_without_frames() -> None:
    with FakeSource([]) as source, pytest.raises(SourceError, match="fake: gave no frames"):
        collect(source, 3, "fake")
