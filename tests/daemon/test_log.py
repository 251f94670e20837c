"""The published log."""

from __future__ import annotations

import json
import logging

from edgeinfer.daemon.log import MAX_TEXT_LENGTH, published_log
from edgeinfer.sinks.fake import FakeSink

LOGGER = logging.getLogger("edgeinfer.daemon.capture")


def test_warnings_and_worse_are_published_for_the_time_of_the_block() -> None:
    sink = FakeSink()
    with published_log("gate-1", sink.send):
        LOGGER.info("not this")
        LOGGER.warning("stream %s: %s", "door", "gone")
    LOGGER.warning("nor this")
    [message] = sink.of("log")
    document = json.loads(message.payload)
    assert document.pop("time").endswith("Z")
    assert document == {
        "schema": 1,
        "device": "gate-1",
        "level": "warning",
        "logger": "edgeinfer.daemon.capture",
        "message": "stream door: gone",
    }


def test_no_secret_and_no_flood_in_a_message() -> None:
    sink = FakeSink()
    with published_log("gate-1", sink.send):
        LOGGER.error("rtsp://user:hunter2@camera %s", "x" * 10_000)
    document = json.loads(sink.messages[0].payload)
    assert "hunter2" not in document["message"]
    assert len(document["message"]) == MAX_TEXT_LENGTH
