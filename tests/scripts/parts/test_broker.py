"""The embedded broker, with a real client."""

from __future__ import annotations

import queue
import socket
import threading

import paho.mqtt.client as mqtt
import pytest
from paho.mqtt.enums import CallbackAPIVersion

from scripts.parts.broker import EmbeddedBroker

WAIT_S = 10


def _client(port: int, name: str) -> mqtt.Client:
    client = mqtt.Client(CallbackAPIVersion.VERSION2, client_id=name, protocol=mqtt.MQTTv311)
    connected = threading.Event()
    client.on_connect = lambda *_: connected.set()
    client.connect("127.0.0.1", port)
    client.loop_start()
    assert connected.wait(WAIT_S)
    return client


def _close(client: mqtt.Client) -> None:
    client.disconnect()
    client.loop_stop()


def _subscribe(client: mqtt.Client, topic: str) -> queue.Queue[tuple[str, bytes, bool]]:
    arrived: queue.Queue[tuple[str, bytes, bool]] = queue.Queue()
    subscribed = threading.Event()
    client.on_subscribe = lambda *_: subscribed.set()
    client.on_message = lambda _client, _data, message: arrived.put(
        (message.topic, bytes(message.payload), message.retain)
    )
    client.subscribe(topic, qos=1)
    assert subscribed.wait(WAIT_S)
    return arrived


def test_delivers_what_one_client_publishes_to_another() -> None:
    with EmbeddedBroker() as broker:
        listener, speaker = _client(broker.port, "listener"), _client(broker.port, "speaker")
        arrived = _subscribe(listener, "edgeinfer/#")
        speaker.publish("edgeinfer/gate/metrics", b"{}", qos=1)
        assert arrived.get(timeout=WAIT_S) == ("edgeinfer/gate/metrics", b"{}", False)
        _close(listener)
        _close(speaker)


def test_keeps_retained_messages_for_later_subscribers() -> None:
    with EmbeddedBroker() as broker:
        speaker = _client(broker.port, "speaker")
        speaker.publish("edgeinfer/gate/info", b"hello", qos=1, retain=True).wait_for_publish(WAIT_S)
        late = _client(broker.port, "late")
        assert _subscribe(late, "edgeinfer/#").get(timeout=WAIT_S) == ("edgeinfer/gate/info", b"hello", True)
        _close(late)
        _close(speaker)


def test_listens_on_loopback_only_and_says_where() -> None:
    with EmbeddedBroker() as broker:
        assert broker.port > 0
        assert broker.url == f"mqtt://127.0.0.1:{broker.port}"


def test_is_gone_after_the_block_even_with_a_client_connected() -> None:
    with EmbeddedBroker() as broker:
        client = _client(broker.port, "stays")
    _close(client)
    with pytest.raises(ConnectionError), socket.create_connection(("127.0.0.1", broker.port), timeout=1):
        pass
    assert "broker" not in [thread.name for thread in threading.enumerate()]


def test_two_brokers_do_not_meet() -> None:
    with EmbeddedBroker() as one, EmbeddedBroker() as other:
        assert one.port != other.port
