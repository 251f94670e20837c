"""The fake is a sink like the others."""

from __future__ import annotations

import threading

from edgeinfer.sinks import Message
from edgeinfer.sinks.fake import FakeSink


def test_it_keeps_what_it_is_given() -> None:
    with FakeSink() as sink:
        sink.send(Message("result", b"1", "door"))
        sink.send(Message("result", b"2", "gate"))
        sink.send(Message("info", b"3"))
    assert [one.payload for one in sink.messages] == [b"1", b"2", b"3"]
    assert [one.payload for one in sink.of("result", "gate")] == [b"2"]
    assert (sink.opened, sink.closed) == (True, True)


def test_an_outage_is_counted() -> None:
    sink = FakeSink()
    sink.connected = False
    sink.send(Message("result", b"1", "door"))
    assert (sink.health().dropped, sink.health().fault) == (1, "played outage")


def test_waiting_for_a_message_of_another_thread() -> None:
    sink = FakeSink()
    threading.Thread(target=sink.send, args=(Message("info", b""),)).start()
    assert sink.wait_for(lambda seen: bool(seen.of("info")))
    assert not sink.wait_for(lambda seen: bool(seen.of("log")), timeout_s=0.01)
