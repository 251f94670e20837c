"""The summary at the end of the demo."""

from __future__ import annotations

import json

import pytest

from edgeinfer.errors import SettingsError
from edgeinfer.processing.results import ClassScore, Latency
from scripts.parts.messages import PartSeen, Reading
from scripts.parts.summary import Metrics, Tally, parse_metrics, summary

DRAWN = ("good", "scratched")


def _reading(sequence: int, took_ms: float = 3.0) -> Reading:
    return Reading(
        sequence=sequence,
        age_ms=took_ms + 1,
        latency_ms=Latency(preprocess=1.0, infer=took_ms - 1.5, postprocess=0.5),
        classes=(ClassScore(label="good", score=0.9),),
    )


def _part(number: int, verdict: str) -> PartSeen:
    return PartSeen(number=number, verdict=verdict, agreeing=9, frames=9, score=0.9, took_ms=3.0)


def _tally() -> Tally:
    tally = Tally()
    for number in range(31):
        tally.count("stream/belt/result")
        tally.add(_reading(number), 100 + number / 30)
    tally.count("metrics")
    tally.metrics = Metrics(streams={"belt": {"dropped_total": 4.0}}, process_memory_bytes=50_000_000)
    tally.parts += [_part(1, "good"), _part(2, "good")]
    return tally


def test_it_says_everything_and_fits_the_terminal() -> None:
    text = summary(_tally(), DRAWN, "belt")
    assert text.splitlines() == [
        "  frames    31, 30.0 a second",
        "  dropped   4",
        "  latency   3.0 ms (95 %: 3.0 ms) for preprocessing, inference, postprocessing",
        "  age       4.0 ms (95 %: 4.0 ms) from the camera to the result",
        "  messages  32 (31 result, 1 metrics)",
        "  parts     1 of 2 judged as they were drawn",
        "  memory    50 MB in the daemon's process",
    ]
    assert max(map(len, text.splitlines())) <= 80


def test_what_did_not_come_is_not_made_up() -> None:
    text = summary(Tally(), DRAWN, "belt")
    assert "  frames    0, 0.0 a second" in text
    assert "  dropped   not reported" in text
    assert "  latency   none" in text
    assert "  messages  0" in text
    assert "  parts     0 of 2 judged as they were drawn (0 seen)" in text
    assert "memory" not in text


@pytest.mark.parametrize("count", [1, 3])
def test_a_wrong_number_of_parts_is_said(count: int) -> None:
    tally = Tally(parts=[_part(number + 1, "good") for number in range(count)])
    assert f"1 of 2 judged as they were drawn ({count} seen)" in summary(tally, DRAWN, "belt")


def test_latencies_are_percentiles() -> None:
    tally = Tally()
    for number in range(101):
        tally.add(_reading(number, 2.0 + number), number)
    assert "latency   52.0 ms (95 %: 97.0 ms)" in summary(tally, DRAWN, "belt")


def test_one_frame_has_no_rate() -> None:
    tally = Tally()
    tally.add(_reading(0), 5.0)
    assert (tally.frames, tally.fps, tally.elapsed_s) == (1, 0.0, 0.0)


def test_metrics_are_read_and_their_other_fields_left_alone() -> None:
    message = {"schema": 1, "streams": {"belt": {"fps": 30.0, "dropped_total": 2}}, "uptime_s": 3.5}
    assert parse_metrics(json.dumps(message).encode()).streams["belt"]["dropped_total"] == 2


@pytest.mark.parametrize("payload", [b"", b"[]", b'{"streams": {"belt": 1}}'])
def test_what_is_no_metrics_message_is_refused(payload: bytes) -> None:
    with pytest.raises(SettingsError, match="a metrics message"):
        parse_metrics(payload)
