"""Publishes over MQTT with paho, which owns the network thread, keepalive and reconnecting.

What is sent while the broker is away: results, metrics and log lines are dropped and counted;
of `info` and each stream's `state` the newest is kept and sent after each connect. Nothing grows
without bound, also when a broker takes the connection and then stops reading.
"""

from __future__ import annotations

import logging
import sys
import threading
import time
from collections import deque
from types import TracebackType
from typing import Any

from paho.mqtt.client import (
    MQTT_CLEAN_START_FIRST_ONLY,
    Client,
    ConnectFlags,
    DisconnectFlags,
    MQTTMessageInfo,
)
from paho.mqtt.enums import MQTTErrorCode
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode

from edgeinfer.config import MqttSettings, Settings
from edgeinfer.errors import SettingsError
from edgeinfer.sinks import Message, SinkHealth
from edgeinfer.sinks.mqtt_client import build_client, set_credentials
from edgeinfer.sinks.topics import ONLINE, RETAINED_KINDS, STOPPED, Topics

logger = logging.getLogger(__name__)

MAX_UNSENT_BYTES = 1024 * 1024
FAREWELL_TIMEOUT_S = 1.5
SHORT_CONNECTION_S = 5.0
MANY_SHORT_CONNECTIONS = 3
_NOT_AUTHORIZED = frozenset({"Not authorized", "Bad user name or password"})


class MqttSink:
    """One connection to one broker."""

    def __init__(self, settings: MqttSettings, device: str) -> None:
        self._settings = settings
        self._topics = Topics(settings.prefix, device)
        self._client: Client | None = None
        # _lock guards the fields and is never held while paho may wait for its own lock of QoS 1 messages,
        # which it holds in some callbacks; _documents_lock makes the newest document the one sent last.
        self._lock = threading.Lock()
        self._documents_lock = threading.Lock()
        self._connected = False
        self._answered = False
        self._stopping = False
        self._connected_s = 0.0
        self._short_connections = 0
        self._fault = "not connected yet"
        self._sent = 0
        self._dropped = 0
        self._retained: dict[str, bytes] = {}
        self._unsent: deque[tuple[MQTTMessageInfo, int]] = deque()
        self._unsent_bytes = 0

    def send(self, message: Message) -> None:
        """Hand over to the network thread; see the module for what happens while the broker is away."""
        topic = self._topics.of(message)
        if message.kind in RETAINED_KINDS:
            with self._documents_lock:
                self._retained[topic] = message.payload
                if self._connected:
                    self._publish_retained(topic, message.payload)
            return
        with self._lock:
            if self._connected and self._has_room():
                self._publish_once(topic, message.payload)
            else:
                self._dropped += 1

    def health(self) -> SinkHealth:
        """Counts, and in words why there is no connection."""
        with self._lock:
            self._settle()
            return SinkHealth("mqtt", self._sent, self._dropped, self._connected, self._fault)

    def __enter__(self) -> MqttSink:
        self._client = client = build_client(self._settings, self._topics)
        client.on_pre_connect = self._on_pre_connect
        client.on_connect = self._on_connect
        client.on_connect_fail = self._on_connect_fail
        client.on_disconnect = self._on_disconnect
        address = self._settings.address
        clean = True if self._settings.version == "5" else MQTT_CLEAN_START_FIRST_ONLY
        client.connect_async(address.host, address.port, self._settings.keepalive_s, clean_start=clean)
        client.loop_start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._client is None:
            return
        with self._lock:
            self._stopping = True
        self._say_farewell(self._client)
        self._client.disconnect()
        # A name server or a broker that does not answer must not hold up the end: paho's thread is a daemon.
        ending = threading.Thread(target=self._client.loop_stop, name="mqtt-stop", daemon=True)
        ending.start()
        ending.join(FAREWELL_TIMEOUT_S)

    def _say_farewell(self, client: Client) -> None:
        if not self._connected:
            return
        farewell = client.publish(self._topics.availability, STOPPED, qos=1, retain=True)
        try:
            farewell.wait_for_publish(FAREWELL_TIMEOUT_S)
        except (RuntimeError, ValueError) as error:
            logger.warning("the broker was not told of the stop: %s", error)

    def _publish_retained(self, topic: str, payload: bytes) -> None:
        assert self._client is not None  # noqa: S101  # only called while connected
        info = self._client.publish(topic, payload, qos=1, retain=True)
        with self._lock:
            # One that was not taken is not lost: the newest document goes out after the next connect.
            self._sent += info.rc == MQTTErrorCode.MQTT_ERR_SUCCESS

    def _publish_once(self, topic: str, payload: bytes) -> None:
        assert self._client is not None  # noqa: S101  # only called while connected
        info = self._client.publish(topic, payload, qos=0)
        if info.rc != MQTTErrorCode.MQTT_ERR_SUCCESS:
            self._dropped += 1
            return
        self._sent += 1
        self._unsent.append((info, len(payload)))
        self._unsent_bytes += len(payload)

    def _has_room(self) -> bool:
        # paho bounds its queue for QoS 1 only: at QoS 0 a broker that stops reading would fill the memory.
        self._settle()
        return self._unsent_bytes < MAX_UNSENT_BYTES

    def _settle(self) -> None:
        while self._unsent:
            info, size = self._unsent[0]
            lost = info.rc > MQTTErrorCode.MQTT_ERR_SUCCESS
            if not lost and not info.is_published():
                return
            self._unsent.popleft()
            self._unsent_bytes -= size
            self._sent -= lost
            self._dropped += lost

    def _on_pre_connect(self, client: Client, userdata: object) -> None:
        with self._lock:
            self._answered = False
        try:
            set_credentials(client, self._settings)
        except SettingsError as error:
            self._report(logging.ERROR, error.message)

    def _on_connect(
        self,
        client: Client,
        userdata: Any,
        flags: ConnectFlags,
        reason: ReasonCode,
        properties: Properties | None,
    ) -> None:
        with self._lock:
            self._answered = True
        if reason.is_failure:
            self._report(logging.ERROR, self._refusal(str(reason)))
            return
        # Unconfirmed documents of the connection before would arrive after the newer ones sent here.
        client.drop_out_messages()
        with self._documents_lock:
            with self._lock:
                self._connected, self._fault, self._connected_s = True, "", time.monotonic()
            client.publish(self._topics.availability, ONLINE, qos=1, retain=True)
            for topic, payload in self._retained.items():
                self._publish_retained(topic, payload)
        level = logging.INFO if self._short_connections < MANY_SHORT_CONNECTIONS else logging.DEBUG
        logger.log(level, "connected to the MQTT broker %s", self._settings.url)

    def _on_connect_fail(self, client: Client, userdata: Any) -> None:
        # paho calls this while it handles the exception and does not pass it on.
        error = sys.exc_info()[1]
        self._report(logging.WARNING, f"cannot reach the MQTT broker {self._settings.url}: {error}; retrying")

    def _on_disconnect(
        self,
        client: Client,
        userdata: Any,
        flags: DisconnectFlags,
        reason: ReasonCode,
        properties: Properties | None,
    ) -> None:
        with self._lock:
            was_connected, self._connected = self._connected, False
            stopping, answered = self._stopping, self._answered
        if stopping:
            return
        if was_connected:
            self._lose(str(reason))
        elif not answered:
            self._report(logging.ERROR, self._silence())

    def _refusal(self, reason: str) -> str:
        text = f"the MQTT broker {self._settings.url} refuses the connection: {reason}"
        if reason in _NOT_AUTHORIZED:
            return f"{text}; check mqtt.username and mqtt.password_file; retrying slowly"
        if reason == "Unsupported protocol version":
            return f'{text}; a broker without MQTT 5 needs mqtt.version = "3.1.1"; retrying slowly'
        return f"{text}; retrying slowly"

    def _lose(self, reason: str) -> None:
        short = time.monotonic() - self._connected_s < SHORT_CONNECTION_S
        self._short_connections = self._short_connections + 1 if short else 0
        text = f"lost the MQTT broker {self._settings.url}: {reason}; reconnecting"
        if self._short_connections >= MANY_SHORT_CONNECTIONS:
            text += ". It closes each new connection soon: another client may have the same client id, "
            text += f"which is by default the device's name, here `{self._topics.device}`"
        told_enough = self._short_connections > MANY_SHORT_CONNECTIONS
        self._report(logging.DEBUG if told_enough else logging.WARNING, text)

    def _silence(self) -> str:
        text = f"the MQTT broker {self._settings.url} closed the connection without an answer"
        if self._settings.version == "5":
            return f'{text}; a broker without MQTT 5 needs mqtt.version = "3.1.1"; retrying'
        return f"{text}; retrying"

    def _report(self, level: int, fault: str) -> None:
        """Keep the fault for the status, and log it once, however often the same attempt fails."""
        with self._lock:
            is_new, self._fault = fault != self._fault, fault
        if is_new:
            logger.log(level, "%s", fault)


def build(settings: Settings) -> MqttSink | None:
    """The sink of [mqtt], if the settings have it."""
    return MqttSink(settings.mqtt, settings.device.name) if settings.mqtt is not None else None
