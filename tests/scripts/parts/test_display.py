"""What the demo shows of the daemon's messages, and when it ends."""

from __future__ import annotations

import json
from collections.abc import Iterable

import pytest

from edgeinfer.errors import EdgeInferError
from scripts.parts.display import LAST_METRICS_S, Display, drain, follow
from scripts.parts.listener import Arrived

Sent = tuple[str, dict[str, object]]
DRAWN = ("good", "scratched")
METRICS: Sent = ("metrics", {"streams": {"belt": {"dropped_total": 1}}})
ENDED: Sent = ("stream/belt/state", {"state": "ended"})


class Script:
    """Messages and a clock: each message comes a tenth of a second after the one before, then none."""

    def __init__(self, messages: Iterable[Sent]) -> None:
        self._left = list(messages)
        self.now_s = 1000.0

    def next(self, timeout_s: float) -> Arrived | None:
        if not self._left:
            self.now_s += timeout_s
            return None
        self.now_s += 0.1
        topic, document = self._left.pop(0)
        return Arrived(topic, json.dumps(document).encode(), self.now_s)

    def clock(self) -> float:
        return self.now_s


class Process:
    """A daemon that runs, has ended, or has failed."""

    def __init__(self, *, ended: bool = False, failure: str = "") -> None:
        self.ended = ended
        self._failure = failure

    def check(self) -> None:
        if self._failure:
            raise EdgeInferError(self._failure)


def _result(label: str, sequence: int = 0) -> Sent:
    document = {
        "sequence": sequence,
        "age_ms": 4.0,
        "latency_ms": {"preprocess": 0.5, "infer": 1.0, "postprocess": 0.5},
        "classes": [{"label": label, "score": 0.9}],
    }
    return "stream/belt/result", document


def _passing(*labels: str) -> list[Sent]:
    frames = [one for label in labels for one in [label] * 10 + ["no-part"] * 10]
    return [_result(label, number) for number, label in enumerate(frames)]


def _show(messages: Iterable[Sent], process: Process | None = None) -> tuple[list[str], Display, Script]:
    said: list[str] = []
    display, script = Display("belt", DRAWN, said.append, color=False), Script(messages)
    follow(script, process or Process(), display, 60.0, script.clock)
    return said, display, script


def test_a_line_for_each_part_and_the_end_after_the_last_metrics() -> None:
    said, display, _ = _show([*_passing("good", "good"), METRICS, ENDED, METRICS, *_passing("good")])
    assert [line.split("score")[0].split() for line in said] == [
        ["1.2", "s", "part", "1", "GOOD"],
        ["3.2", "s", "part", "2", "GOOD"],
    ]
    assert said[0].endswith("correct")
    assert said[1].endswith("NO: scratched")
    assert display.tally.frames == 40
    assert display.tally.messages == {"result": 40, "metrics": 2, "state": 1}


def test_the_last_part_is_shown_even_if_the_clip_ends_with_it() -> None:
    said, _, _ = _show([*_passing("good"), *[_result("scratched")] * 10, ENDED, METRICS])
    assert len(said) == 2


def test_more_parts_than_were_drawn_are_shown_without_a_verdict() -> None:
    said, _, _ = _show([*_passing("good", "scratched", "good"), ENDED, METRICS])
    assert said[2].endswith("frames")


def test_the_last_metrics_are_not_waited_for_forever() -> None:
    _, display, script = _show([*_passing("good"), ENDED])
    assert display.over
    assert script.now_s < 1000 + 2.2 + LAST_METRICS_S + 1


@pytest.mark.parametrize("state", ["failed", "reconnecting"])
def test_a_stream_that_fails_ends_the_demo_with_its_reason(state: str) -> None:
    failed: Sent = ("stream/belt/state", {"state": state, "reason": "no such clip"})
    with pytest.raises(EdgeInferError, match="no such clip"):
        _show([*_passing("good"), failed])


def test_a_daemon_that_fails_ends_the_demo() -> None:
    with pytest.raises(EdgeInferError, match="exit code 1"):
        _show([], Process(failure="exit code 1"))


def test_a_daemon_that_ends_by_itself_ends_the_waiting() -> None:
    said, display, _ = _show(_passing("good"), Process(ended=True))
    assert (said, display.tally.frames) == ([], 0)


def test_a_stream_that_never_ends_is_given_up() -> None:
    with pytest.raises(EdgeInferError, match="had not ended after 60 s; 20 results came in"):
        _show(_passing("good"))


def test_what_comes_after_the_stop_is_counted() -> None:
    display = Display("belt", DRAWN, lambda _: None, color=False)
    drain(Script([METRICS, ("availability", {})]), display)
    assert display.tally.messages == {"metrics": 1, "availability": 1}


def test_other_streams_are_not_mixed_in() -> None:
    topic, document = _result("good")
    display = Display("other", DRAWN, lambda _: None, color=False)
    display.take(Arrived(topic, json.dumps(document).encode(), 1.0))
    assert display.tally.frames == 0
