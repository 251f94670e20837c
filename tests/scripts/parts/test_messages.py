"""From result messages to lines about parts."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgeinfer.errors import SettingsError
from scripts.parts.draw import LABELS, NO_PART
from scripts.parts.messages import (
    PATIENCE,
    SHORTEST,
    PartSeen,
    PartWatcher,
    Reading,
    format_part,
    parse_reading,
)

MESSAGE = {
    "schema": 1,
    "device": "demo",
    "stream": "belt",
    "sequence": 7,
    "captured_at": "2026-11-21T09:30:00.123Z",
    "age_ms": 4.5,
    "model": "parts@1.0.0",
    "task": "classification",
    "frame": [480, 360],
    "latency_ms": {"preprocess": 0.5, "infer": 1.25, "postprocess": 0.25},
    "classes": [{"label": "scratched", "score": 0.9}],
}


def _reading(label: str, score: float = 0.9, sequence: int = 0) -> Reading:
    message = {**MESSAGE, "sequence": sequence, "classes": [{"label": label, "score": score}]}
    return parse_reading(json.dumps(message).encode())


def _watch(labels: list[str]) -> list[PartSeen]:
    watcher = PartWatcher()
    seen = [watcher.feed(_reading(label, sequence=number)) for number, label in enumerate(labels)]
    return [one for one in [*seen, watcher.finish()] if one]


def test_a_message_is_read_and_its_other_fields_are_left_alone() -> None:
    reading = parse_reading(json.dumps({**MESSAGE, "added_later": 1}).encode())
    assert (reading.sequence, reading.label, reading.age_ms, reading.took_ms) == (7, "scratched", 4.5, 2.0)


def test_no_class_above_the_threshold_means_no_part() -> None:
    assert parse_reading(json.dumps({**MESSAGE, "classes": []}).encode()).label == NO_PART


@pytest.mark.parametrize("payload", [b"", b"{", b"[]", b'{"sequence": 1}', b"\xff"])
def test_what_is_no_result_is_refused(payload: bytes) -> None:
    with pytest.raises(SettingsError, match="a result message"):
        parse_reading(payload)


def test_a_part_is_told_once_when_it_has_passed() -> None:
    (part,) = _watch([NO_PART] * 5 + ["good"] * 9 + ["scratched"] + [NO_PART] * 10)
    assert (part.number, part.verdict, part.agreeing, part.frames) == (1, "good", 9, 10)


def test_it_is_told_as_soon_as_the_patience_ends() -> None:
    watcher = PartWatcher()
    for _ in range(SHORTEST):
        assert watcher.feed(_reading("good")) is None
    answers = [watcher.feed(_reading(NO_PART)) for _ in range(PATIENCE)]
    assert [one is not None for one in answers] == [False] * (PATIENCE - 1) + [True]


def test_a_slip_neither_splits_a_part_nor_makes_one() -> None:
    labels = ["good"] * 10 + [NO_PART] * (PATIENCE - 1) + ["good"] * 10 + [NO_PART] * 9
    labels += ["scratched"] * (SHORTEST - 1) + [NO_PART] * 9
    (part,) = _watch(labels)
    assert part.frames == 20


def test_parts_are_numbered_and_the_last_needs_no_gap_after_it() -> None:
    parts = _watch(["good"] * 8 + [NO_PART] * 5 + ["piece-missing"] * 8)
    assert [(one.number, one.verdict) for one in parts] == [(1, "good"), (2, "piece-missing")]


def test_the_score_is_that_of_the_agreeing_frames() -> None:
    watcher = PartWatcher()
    for score in (0.8, 1.0, 0.8, 1.0):
        watcher.feed(_reading("good", score))
    watcher.feed(_reading("scratched", 0.3))
    part = watcher.finish()
    assert part is not None
    assert part.score == pytest.approx(0.9)
    assert part.took_ms == pytest.approx(2.0)


@given(st.lists(st.sampled_from(LABELS), max_size=120))
def test_no_frame_is_counted_twice_and_numbers_run_on(labels: list[str]) -> None:
    parts = _watch(labels)
    assert sum(part.frames for part in parts) <= sum(label != NO_PART for label in labels)
    assert [part.number for part in parts] == list(range(1, len(parts) + 1))
    assert all(SHORTEST <= part.frames >= part.agreeing >= 1 for part in parts)


PART = PartSeen(number=2, verdict="piece-missing", agreeing=44, frames=45, score=0.987, took_ms=2.0)


@pytest.mark.parametrize("drawn", [None, "piece-missing", "scratched"])
def test_a_line_fits_the_terminal_and_is_plain_without_one(drawn: str | None) -> None:
    line = format_part(PART, 12.34, drawn, color=False)
    assert len(line) <= 80
    assert "\x1b" not in line
    assert line.startswith("  12.3 s  part 2  PIECE-MISSING  score 0.99  44 of 45 frames")


def test_a_line_says_whether_the_verdict_is_right() -> None:
    assert format_part(PART, 1, "piece-missing", color=False).endswith("  correct")
    assert format_part(PART, 1, "good", color=False).endswith("  NO: good")


def test_colors_add_nothing_but_colors() -> None:
    colored = format_part(PART, 1, None, color=True)
    assert colored.replace("\x1b[1;31m", "").replace("\x1b[0m", "") == format_part(PART, 1, None, color=False)
