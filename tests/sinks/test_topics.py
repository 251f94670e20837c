"""Topics as docs/mqtt.md has them."""

from __future__ import annotations

import pytest

from edgeinfer.sinks import Message, MessageKind
from edgeinfer.sinks.topics import RETAINED_KINDS, Topics


@pytest.mark.parametrize(
    ("kind", "stream", "expected"),
    [
        ("info", "", "edgeinfer/gate-1/info"),
        ("metrics", "", "edgeinfer/gate-1/metrics"),
        ("log", "", "edgeinfer/gate-1/log"),
        ("result", "door", "edgeinfer/gate-1/stream/door/result"),
        ("state", "door", "edgeinfer/gate-1/stream/door/state"),
    ],
)
def test_topic_of_each_kind(kind: MessageKind, stream: str, expected: str) -> None:
    assert Topics("edgeinfer", "gate-1").of(Message(kind, b"", stream)) == expected


def test_a_prefix_may_have_levels() -> None:
    assert Topics("plant/line 2", "gate-1").availability == "plant/line 2/gate-1/availability"


def test_what_later_subscribers_must_see_is_retained() -> None:
    assert {"info", "state"} == RETAINED_KINDS
