"""A subscriber: every message of the demo's device, in the order of arrival."""

from __future__ import annotations

import queue
import threading
import time
from dataclasses import dataclass
from types import TracebackType

import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion

from edgeinfer.errors import EdgeInferError

CONNECT_TIMEOUT_S = 10.0


@dataclass(frozen=True)
class Arrived:
    """A message. `topic` is what follows the prefix; `at_s` is `time.monotonic()`."""

    topic: str
    payload: bytes
    at_s: float


class Listener:
    """Subscribes to everything below `prefix`. `with` connects; raises EdgeInferError if it cannot."""

    def __init__(self, port: int, prefix: str) -> None:
        self._port = port
        self._prefix = prefix
        self._arrived: queue.Queue[Arrived] = queue.Queue()
        self._subscribed = threading.Event()
        self._client = mqtt.Client(
            CallbackAPIVersion.VERSION2, client_id="demo-listener", protocol=mqtt.MQTTv311
        )
        self._client.on_connect = lambda client, *_: client.subscribe(f"{prefix}/#", qos=1)
        self._client.on_subscribe = lambda *_: self._subscribed.set()
        self._client.on_message = lambda _client, _data, message: self._take(message)

    def next(self, timeout_s: float) -> Arrived | None:
        """The next message, or None when none comes in time."""
        try:
            return self._arrived.get(timeout=timeout_s)
        except queue.Empty:
            return None

    def _take(self, message: mqtt.MQTTMessage) -> None:
        topic = message.topic.removeprefix(f"{self._prefix}/")
        self._arrived.put(Arrived(topic, bytes(message.payload), time.monotonic()))

    def __enter__(self) -> Listener:
        try:
            self._client.connect("127.0.0.1", self._port)
        except OSError as error:
            raise EdgeInferError(
                f"cannot connect to the MQTT broker on port {self._port}: {error}"
            ) from error
        self._client.loop_start()
        if not self._subscribed.wait(CONNECT_TIMEOUT_S):
            self._client.loop_stop()
            raise EdgeInferError(f"the MQTT broker on port {self._port} does not answer")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._client.disconnect()
        self._client.loop_stop()
