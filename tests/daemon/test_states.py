"""The states of streams."""

from __future__ import annotations

import json

from edgeinfer.daemon.states import StateBoard
from edgeinfer.sinks.fake import FakeSink
from tests.fixtures.daemon import NOON


def board() -> tuple[StateBoard, FakeSink]:
    sink = FakeSink()
    return StateBoard("gate-1", sink.send, lambda: NOON), sink


def test_the_document() -> None:
    states, sink = board()
    states.set("door", "reconnecting", "the camera is not there")
    assert [json.loads(one.payload) for one in sink.of("state", "door")] == [
        {
            "schema": 1,
            "device": "gate-1",
            "stream": "door",
            "state": "reconnecting",
            "since": "2026-11-21T12:00:00.000Z",
            "reason": "the camera is not there",
        }
    ]


def test_only_news_is_published() -> None:
    states, sink = board()
    for _ in range(3):
        states.set("door", "running")
    states.set("door", "reconnecting", "a")
    states.set("door", "reconnecting", "a")
    states.set("door", "reconnecting", "b")
    assert len(sink.messages) == 3


def test_failed_is_final() -> None:
    states, sink = board()
    states.set("door", "failed", "no such bundle")
    states.set("door", "running")
    assert states.of("door") == "failed"
    assert len(sink.messages) == 1


def test_what_the_status_needs() -> None:
    states, _ = board()
    states.set("door", "running")
    states.set("gate", "reconnecting", "gone")
    assert (states.count("running"), states.count("failed")) == (1, 0)
    assert states.reasons() == {"gate": "gone"}
