"""What holds for every sink."""

from __future__ import annotations

import inspect
import threading
from importlib import import_module
from pathlib import Path

import pytest

from edgeinfer.config import JsonlSettings, MqttSettings, Settings, StreamSettings
from edgeinfer.sinks import SINKS, Message, Sink, build_sinks
from tests.fixtures.mosquitto import free_port

MODULES = {**SINKS, "fake": "edgeinfer.sinks.fake"}
MESSAGES = [
    Message("result", b"{}", "door"),
    Message("state", b"{}", "door"),
    Message("info", b"{}"),
    Message("metrics", b"{}"),
    Message("log", b"{}"),
]


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """A broker that is not there, so that the contract is about the worst case."""
    return Settings(
        stream=(StreamSettings(name="door", source="synthetic:", bundle="person"),),
        mqtt=MqttSettings(url=f"mqtt://127.0.0.1:{free_port()}"),
        jsonl=JsonlSettings(path=str(tmp_path / "results.jsonl")),
    )


@pytest.fixture(params=sorted(MODULES))
def sink(request: pytest.FixtureRequest, settings: Settings) -> Sink:
    """Each sink, built but not opened."""
    built: Sink = import_module(MODULES[request.param]).build(settings)
    return built


def test_the_table_is_sorted_and_complete(settings: Settings) -> None:
    assert list(SINKS) == sorted(SINKS)
    assert len(build_sinks(settings)) == len(SINKS)


def test_a_sink_that_is_not_asked_for_is_not_built(settings: Settings) -> None:
    bare = Settings(stream=settings.stream)
    assert build_sinks(bare) == ()
    assert all(import_module(module).build(bare) is None for module in SINKS.values())


def test_the_constructor_touches_nothing(sink: Sink, tmp_path: Path) -> None:
    assert not list(tmp_path.glob("*.jsonl"))
    assert {one.name for one in threading.enumerate() if "mqtt" in one.name} == set()
    assert sink.health().sent == 0


def test_every_message_is_taken_at_once_and_accounted_for(sink: Sink) -> None:
    with sink:
        for message in MESSAGES:
            sink.send(message)
        health = sink.health()
    assert health.sent + health.dropped <= len(MESSAGES)
    assert health.connected or health.fault, "a sink that delivers nothing says why"


def send_many(sink: Sink) -> None:
    for _ in range(50):
        sink.send(MESSAGES[0])


def test_any_thread_may_send(sink: Sink) -> None:
    with sink:
        threads = [threading.Thread(target=send_many, args=(sink,)) for _ in range(4)]
        for one in threads:
            one.start()
        for one in threads:
            one.join(10)
        health = sink.health()
    assert health.sent + health.dropped == 200


def test_no_thread_of_it_remains(sink: Sink) -> None:
    before = set(threading.enumerate())
    with sink:
        sink.send(MESSAGES[0])
    assert set(threading.enumerate()) - before == set()


def test_the_seam_is_small() -> None:
    methods = [name for name, one in vars(Sink).items() if inspect.isfunction(one) and name != "__init__"]
    own = [name for name in methods if name in ("send", "health", "__enter__", "__exit__")]
    assert len(own) == 4
