"""The MQTT sink against a real mosquitto."""

from __future__ import annotations

import logging
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from edgeinfer.config import MqttSettings
from edgeinfer.errors import SettingsError
from edgeinfer.sinks import Message
from edgeinfer.sinks import mqtt as mqtt_module
from edgeinfer.sinks.mqtt import MqttSink
from tests.fixtures.certificates import write_authority
from tests.fixtures.mosquitto import Mosquitto, free_port, running_broker, watching
from tests.fixtures.waiting import until

pytestmark = pytest.mark.broker

RESULT = Message("result", b'{"sequence":1}', "door")
RUNNING = Message("state", b'{"state":"running"}', "door")
RECONNECTING = Message("state", b'{"state":"reconnecting"}', "door")


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Mosquitto]:
    with running_broker(tmp_path / "broker") as running:
        yield running


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Reconnect after a second at most: paho counts in whole seconds."""
    monkeypatch.setattr("edgeinfer.sinks.mqtt_client.MAX_RECONNECT_DELAY_S", 1)


def settings_of(port: int, **changes: object) -> MqttSettings:
    return MqttSettings(url=f"mqtt://127.0.0.1:{port}", **changes)  # type: ignore[arg-type]  # fields by name


def connected(sink: MqttSink) -> None:
    until(lambda: sink.health().connected, what="the connection")


@pytest.mark.parametrize("version", ["5", "3.1.1"])
def test_each_kind_has_its_topic_and_quality(broker: Mosquitto, version: str) -> None:
    with (
        watching(broker.port) as watcher,
        MqttSink(settings_of(broker.port, version=version), "gate-1") as sink,
    ):
        connected(sink)
        for message in (
            RESULT,
            RUNNING,
            Message("info", b"{}"),
            Message("metrics", b"{}"),
            Message("log", b"{}"),
        ):
            sink.send(message)
        watcher.wait_for(lambda seen: len(seen.messages) >= 6)
        qualities = {one.topic: one.qos for one in watcher.messages}
        health = sink.health()
    assert qualities == {
        "edgeinfer/gate-1/availability": 1,
        "edgeinfer/gate-1/stream/door/result": 0,
        "edgeinfer/gate-1/stream/door/state": 1,
        "edgeinfer/gate-1/info": 1,
        "edgeinfer/gate-1/metrics": 0,
        "edgeinfer/gate-1/log": 0,
    }
    assert (health.sent, health.dropped, health.fault) == (5, 0, "")


def test_only_documents_that_hold_on_are_retained(broker: Mosquitto) -> None:
    with watching(broker.port) as early, MqttSink(settings_of(broker.port), "gate-1") as sink:
        connected(sink)
        for message in (
            RESULT,
            RUNNING,
            Message("info", b"{}"),
            Message("metrics", b"{}"),
            Message("log", b"{}"),
        ):
            sink.send(message)
        early.wait_for(lambda seen: len(seen.messages) >= 6)
        with watching(broker.port) as late:
            late.wait_for(lambda seen: len(seen.messages) >= 3)
            retained = {one.topic: one.retain for one in late.messages}
    assert retained == {
        "edgeinfer/gate-1/availability": True,
        "edgeinfer/gate-1/stream/door/state": True,
        "edgeinfer/gate-1/info": True,
    }


@pytest.mark.parametrize("version", ["5", "3.1.1"])
def test_an_orderly_end_says_stopped_and_not_offline(broker: Mosquitto, version: str) -> None:
    with watching(broker.port) as watcher:
        with MqttSink(settings_of(broker.port, version=version), "gate-1") as sink:
            connected(sink)
        watcher.wait_for(lambda seen: b"stopped" in seen.payloads("availability"))
        assert watcher.payloads("availability") == [b"online", b"stopped"]
    with watching(broker.port) as late:
        late.wait_for(lambda seen: seen.payloads("availability") == [b"stopped"])


def test_a_broker_that_is_down_at_start_is_no_error(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    broker = Mosquitto(tmp_path)
    with MqttSink(settings_of(broker.port), "gate-1") as sink:
        until(lambda: "cannot reach" in sink.health().fault)
        sink.send(RESULT)
        sink.send(RECONNECTING)
        sink.send(RUNNING)
        assert sink.health().dropped == 1
        broker.start()
        with watching(broker.port) as watcher:
            watcher.wait_for(lambda seen: len(seen.messages) >= 2)
            assert watcher.payloads("/state") == [RUNNING.payload], (
                "of a state only the newest is of interest"
            )
            assert watcher.payloads("/result") == []
    broker.stop()
    complaints = [one for one in caplog.records if "cannot reach" in one.message]
    assert [one.levelno for one in complaints] == [logging.WARNING], "said once, however often it is tried"
    assert "Connection refused" in complaints[0].message


def test_a_broker_that_restarts_gets_online_and_the_documents_again(broker: Mosquitto) -> None:
    with MqttSink(settings_of(broker.port), "gate-1") as sink:
        connected(sink)
        sink.send(RUNNING)
        broker.stop()
        until(lambda: not sink.health().connected)
        assert "lost the MQTT broker" in sink.health().fault
        sink.send(RESULT)
        sink.send(RECONNECTING)
        broker.start()  # it keeps nothing on disk: all it knows comes from the sink
        connected(sink)
        with watching(broker.port) as watcher:
            watcher.wait_for(lambda seen: len(seen.messages) >= 2)
            assert watcher.payloads("/availability") == [b"online"]
            assert watcher.payloads("/state") == [RECONNECTING.payload]
        sink.send(RESULT)
        until(lambda: sink.health().sent >= 3)
        assert sink.health().dropped == 1


def password_broker(folder: Path) -> tuple[str, ...]:
    folder.mkdir(parents=True, exist_ok=True)
    subprocess.run(
        ["mosquitto_passwd", "-b", "-c", str(folder / "passwords"), "gate-1", "right"],
        check=True,
        capture_output=True,
    )
    return ("allow_anonymous false", f"password_file {folder / 'passwords'}")


@pytest.mark.parametrize("version", ["5", "3.1.1"])
def test_a_refused_password_is_said_once_and_mends_itself(
    tmp_path: Path, version: str, caplog: pytest.LogCaptureFixture
) -> None:
    secret = tmp_path / "password"
    secret.write_text("wrong\n")
    with running_broker(tmp_path / "broker", *password_broker(tmp_path / "broker")) as broker:
        settings = settings_of(broker.port, version=version, username="gate-1", password_file=str(secret))
        with MqttSink(settings, "gate-1") as sink:
            until(lambda: "refuses the connection" in sink.health().fault)
            assert "check mqtt.username and mqtt.password_file" in sink.health().fault
            secret.write_text("right\n")
            connected(sink)
            assert sink.health().fault == ""
    refusals = [one for one in caplog.records if "refuses" in one.message]
    assert [one.levelno for one in refusals] == [logging.ERROR]
    assert "wrong" not in caplog.text
    assert "right" not in caplog.text


# paho leaves the socket of a failed handshake to the garbage collector.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_tls_with_the_authority_of_the_settings(tmp_path: Path) -> None:
    files = write_authority(tmp_path / "pki", "127.0.0.1")
    lines = ("allow_anonymous true", f"certfile {files.certificate}", f"keyfile {files.key}")
    with running_broker(tmp_path / "broker", *lines) as broker:
        url = f"mqtts://127.0.0.1:{broker.port}"
        with MqttSink(MqttSettings(url=url, ca_file=str(files.authority)), "gate-1") as sink:
            connected(sink)
        with MqttSink(MqttSettings(url=url), "gate-1") as stranger:
            until(lambda: "CERTIFICATE_VERIFY_FAILED" in stranger.health().fault)


def test_a_client_certificate_logs_in(tmp_path: Path) -> None:
    files = write_authority(tmp_path / "pki", "127.0.0.1", client="gate-1")
    lines = (
        "allow_anonymous false",
        "require_certificate true",
        "use_identity_as_username true",
        f"cafile {files.authority}",
        f"certfile {files.certificate}",
        f"keyfile {files.key}",
    )
    with running_broker(tmp_path / "broker", *lines) as broker:
        settings = MqttSettings(
            url=f"mqtts://127.0.0.1:{broker.port}",
            ca_file=str(files.authority),
            cert_file=str(files.client_certificate),
            key_file=str(files.client_key),
        )
        with MqttSink(settings, "gate-1") as sink:
            connected(sink)


def test_a_broker_that_closes_without_an_answer_names_the_likely_reason() -> None:
    with socket.create_server(("127.0.0.1", 0)) as mute:
        port = mute.getsockname()[1]
        with MqttSink(settings_of(port), "gate-1") as sink:
            mute.accept()[0].close()
            until(lambda: 'mqtt.version = "3.1.1"' in sink.health().fault)


def test_a_second_device_of_the_same_name_is_noticed(
    broker: Mosquitto, caplog: pytest.LogCaptureFixture
) -> None:
    with MqttSink(settings_of(broker.port), "gate-1") as first:
        connected(first)
        with MqttSink(settings_of(broker.port), "gate-1") as second:
            connected(second)
            until(lambda: "may have the same client id" in first.health().fault + second.health().fault)
    losses = [
        one for one in caplog.records if "lost the MQTT broker" in one.message and one.levelno > logging.DEBUG
    ]
    assert len(losses) <= 6, "two devices that push each other out do not flood the log"


def test_a_broker_that_stops_reading_costs_results_not_memory(
    broker: Mosquitto, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mqtt_module, "MAX_UNSENT_BYTES", 100_000)
    assert broker.process is not None
    with MqttSink(settings_of(broker.port), "gate-1") as sink:
        connected(sink)
        broker.process.send_signal(19)  # SIGSTOP
        try:
            big = Message("result", bytes(50_000), "door")

            def send_until_full() -> bool:
                sink.send(big)
                return sink.health().dropped > 0

            until(send_until_full, what="a drop")
            assert sink._unsent_bytes <= 150_000
        finally:
            broker.process.send_signal(18)  # SIGCONT
        until(lambda: sink.health().dropped > 0 and not sink._unsent, what="the queue to drain")


def test_a_stop_while_the_broker_is_away_is_quick() -> None:
    sink = MqttSink(settings_of(free_port()), "gate-1")
    with sink:
        until(lambda: "cannot reach" in sink.health().fault)
    assert not sink.health().connected


def test_a_password_file_that_is_missing_stops_the_start(tmp_path: Path) -> None:
    settings = settings_of(free_port(), username="gate-1", password_file=str(tmp_path / "none"))
    with (
        pytest.raises(SettingsError, match=r"mqtt\.password_file: cannot read .*none"),
        MqttSink(settings, "gate-1"),
    ):
        pass


def test_a_password_file_that_goes_missing_later_is_a_fault_in_words(tmp_path: Path) -> None:
    secret = tmp_path / "password"
    secret.write_text("right")
    with MqttSink(settings_of(free_port(), username="gate-1", password_file=str(secret)), "gate-1") as sink:
        secret.unlink()
        until(lambda: "cannot" in sink.health().fault)


def test_websockets_with_a_broker_that_speaks_them(tmp_path: Path) -> None:
    port = free_port()
    configuration = tmp_path / "amqtt.yaml"
    configuration.write_text(
        f"listeners: {{default: {{type: ws, bind: '127.0.0.1:{port}'}}}}\n"
        "plugins: {amqtt.plugins.authentication.AnonymousAuthPlugin: {allow_anonymous: true}}\n"
    )
    program = Path(sys.executable).with_name("amqtt")
    with (tmp_path / "log").open("wb") as log:
        broker = subprocess.Popen([program, "-c", configuration], stdout=log, stderr=log)
    try:
        settings = MqttSettings(url=f"ws://127.0.0.1:{port}/mqtt", version="3.1.1")
        with MqttSink(settings, "gate-1") as sink:
            connected(sink)
    finally:
        broker.terminate()
        broker.wait(10)
