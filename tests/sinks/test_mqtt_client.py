"""The paho client before it connects."""

from __future__ import annotations

from pathlib import Path

import pytest
from paho.mqtt.enums import MQTTProtocolVersion

from edgeinfer.config import MqttSettings
from edgeinfer.errors import SettingsError
from edgeinfer.sinks.mqtt_client import MAX_QUEUED_MESSAGES, build_client
from edgeinfer.sinks.topics import Topics
from tests.fixtures.certificates import write_authority

TOPICS = Topics("edgeinfer", "gate-1")


@pytest.mark.parametrize(
    ("version", "protocol"), [("5", MQTTProtocolVersion.MQTTv5), ("3.1.1", MQTTProtocolVersion.MQTTv311)]
)
def test_protocol(version: str, protocol: MQTTProtocolVersion) -> None:
    client = build_client(MqttSettings(url="mqtt://localhost", version=version), TOPICS)  # type: ignore[arg-type]  # a literal
    assert client.protocol == protocol


def test_the_queue_is_bounded() -> None:
    client = build_client(MqttSettings(url="mqtt://localhost"), TOPICS)
    assert client.max_queued_messages == MAX_QUEUED_MESSAGES > 0


@pytest.mark.parametrize(("url", "transport"), [("mqtt://h", "tcp"), ("ws://h/path", "websockets")])
def test_transport(url: str, transport: str) -> None:
    assert build_client(MqttSettings(url=url), TOPICS).transport == transport


@pytest.mark.parametrize(("client_id", "expected"), [(None, b"edgeinfer-gate-1"), ("mine", b"mine")])
def test_client_id(client_id: str | None, expected: bytes) -> None:
    assert build_client(MqttSettings(url="mqtt://h", client_id=client_id), TOPICS)._client_id == expected


def test_user_name_and_password(tmp_path: Path) -> None:
    (tmp_path / "password").write_text("secret\n")
    settings = MqttSettings(url="mqtt://h", username="gate-1", password_file=str(tmp_path / "password"))
    client = build_client(settings, TOPICS)
    assert (client.username, client.password) == ("gate-1", "secret")
    assert "secret" not in repr(settings)


def test_without_a_user_name_no_password_is_sent(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "mqtt.password").write_text("secret")
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path))
    assert build_client(MqttSettings(url="mqtt://h"), TOPICS).password is None


@pytest.mark.parametrize("content", [None, b"", b"no certificate"])
def test_an_authority_that_cannot_be_used(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "ca.pem"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(SettingsError, match=r"mqtt\.ca_file: cannot use .*ca\.pem"):
        build_client(MqttSettings(url="mqtts://h", ca_file=str(path)), TOPICS)


def test_a_key_of_another_certificate(tmp_path: Path) -> None:
    files = write_authority(tmp_path / "pki", "127.0.0.1")
    settings = MqttSettings(
        url="mqtts://h",
        ca_file=str(files.authority),
        cert_file=str(files.client_certificate),
        key_file=str(files.key),
    )
    with pytest.raises(SettingsError, match=r"mqtt\.cert_file: cannot use"):
        build_client(settings, TOPICS)


def test_an_encrypted_key_is_an_error_and_no_question(tmp_path: Path) -> None:
    from cryptography.hazmat.primitives import serialization

    files = write_authority(tmp_path / "pki", "127.0.0.1")
    key = serialization.load_pem_private_key(files.client_key.read_bytes(), None)
    files.client_key.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.BestAvailableEncryption(b"passphrase"),
        )
    )
    settings = MqttSettings(
        url="wss://h", cert_file=str(files.client_certificate), key_file=str(files.client_key)
    )
    with pytest.raises(SettingsError, match="cannot use") as caught:
        build_client(settings, TOPICS)
    assert "without a passphrase" in caught.value.hint
