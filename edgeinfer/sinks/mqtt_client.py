"""A paho client set up from the settings: protocol, TLS, will, limits. No connection yet."""

from __future__ import annotations

import ssl

from paho.mqtt.client import Client
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion

from edgeinfer.config import MqttSettings
from edgeinfer.errors import SettingsError
from edgeinfer.sinks.topics import OFFLINE, Topics

MIN_RECONNECT_DELAY_S = 1
MAX_RECONNECT_DELAY_S = 60
CONNECT_TIMEOUT_S = 5.0
MAX_INFLIGHT_MESSAGES = 20
MAX_QUEUED_MESSAGES = 256

_PROTOCOLS = {"5": MQTTProtocolVersion.MQTTv5, "3.1.1": MQTTProtocolVersion.MQTTv311}


def build_client(settings: MqttSettings, topics: Topics) -> Client:
    """The client with its will. Raises SettingsError for password and TLS files that cannot be used."""
    address = settings.address
    client = Client(
        CallbackAPIVersion.VERSION2,
        client_id=settings.client_id or f"edgeinfer-{topics.device}",
        protocol=_PROTOCOLS[settings.version],
        transport="websockets" if address.websockets else "tcp",
    )
    if address.websockets:
        client.ws_set_options(path=address.path)
    if address.tls:
        client.tls_set_context(_tls_context(settings))
    set_credentials(client, settings)
    client.will_set(topics.availability, OFFLINE, qos=1, retain=True)
    client.reconnect_delay_set(MIN_RECONNECT_DELAY_S, MAX_RECONNECT_DELAY_S)
    client.max_inflight_messages_set(MAX_INFLIGHT_MESSAGES)
    client.max_queued_messages_set(MAX_QUEUED_MESSAGES)
    client.connect_timeout = CONNECT_TIMEOUT_S
    return client


def set_credentials(client: Client, settings: MqttSettings) -> None:
    """Read the password file: before each connect, so that a new password needs no restart."""
    if settings.username is not None:
        client.username_pw_set(settings.username, settings.password())


def _tls_context(settings: MqttSettings) -> ssl.SSLContext:
    """Certificates and host names are always checked; without ca_file the system's authorities count."""
    try:
        context = ssl.create_default_context(cafile=settings.ca_file)
    except (OSError, ValueError) as error:
        raise SettingsError(f"mqtt.ca_file: cannot use {settings.ca_file}: {error}") from error
    if settings.cert_file is not None:
        try:
            # The empty password makes an encrypted key an error, where OpenSSL would ask on the terminal.
            context.load_cert_chain(settings.cert_file, settings.key_file, password=lambda: b"")
        except (OSError, ValueError) as error:
            files = f"{settings.cert_file} with {settings.key_file}"
            raise SettingsError(
                f"mqtt.cert_file: cannot use {files}: {error}",
                hint="PEM files are needed, the key without a passphrase",
            ) from error
    return context
