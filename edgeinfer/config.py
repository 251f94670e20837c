"""`edgeinfer.toml`, the daemon's settings; docs/settings.md describes every field.

Parsed once into frozen structs. All faults are collected and raised together. Secrets are never here:
the settings name the files that hold them, and a URL that carries a password is refused or masked.
"""

from __future__ import annotations

import os
import re
import socket
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Literal
from urllib.parse import SplitResult, urlsplit

from edgeinfer.errors import SettingsError
from edgeinfer.strict import Meta, Struct, convert_all, field, list_faults, replace, toml_table

Scheme = Literal["mqtt", "mqtts", "ws", "wss"]
DEFAULT_PORTS: dict[Scheme, int] = {"mqtt": 1883, "mqtts": 8883, "ws": 80, "wss": 443}
CREDENTIAL_NAME = "mqtt.password"
STDOUT = "-"
MAX_NAME_LENGTH = 64
MAX_FPS = 1000.0

_BUNDLE_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.]{0,63}\Z")
_NOT_IN_TOPICS = re.compile(r"[+#\x00-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff]")
_USER_INFO = re.compile(r"(?<=://)[^/?#\s]*@")

Seconds = Annotated[float, Meta(ge=1.0, le=86400.0)]


class DeviceSettings(Struct, frozen=True):
    """The device's name in topics and documents; the host name by default."""

    name: str = ""


class BrokerAddress(Struct, frozen=True):
    """Where the broker is. `path` is for WebSockets."""

    host: str
    port: int
    tls: bool
    websockets: bool
    path: str


class MqttSettings(Struct, frozen=True):
    """The broker, and how to log in there."""

    url: str
    version: Literal["5", "3.1.1"] = "5"
    prefix: str = "edgeinfer"
    username: str | None = None
    password_file: str | None = None
    ca_file: str | None = None
    cert_file: str | None = None
    key_file: str | None = None
    keepalive_s: Annotated[int, Meta(ge=5, le=65535)] = 30
    client_id: str | None = None

    @property
    def address(self) -> BrokerAddress:
        """The parts of `url`, which was checked when the settings were parsed."""
        url = urlsplit(self.url)
        scheme: Scheme = next(one for one in DEFAULT_PORTS if one == url.scheme)
        return BrokerAddress(
            host=url.hostname or "",
            port=url.port or DEFAULT_PORTS[scheme],
            tls=scheme in ("mqtts", "wss"),
            websockets=scheme in ("ws", "wss"),
            path=url.path or "/mqtt",
        )

    def password(self, environment: Mapping[str, str] = os.environ) -> str | None:
        """Read the password from `password_file`, or from systemd's credentials where that is not set.

        None where there is neither. Raises SettingsError for a file that cannot be read or is empty.
        """
        path = _password_path(self, environment)
        if path is None:
            return None
        try:
            text = path.read_text(encoding="utf-8").rstrip("\r\n")
        except (OSError, UnicodeDecodeError) as error:
            raise SettingsError(
                f"mqtt.password_file: cannot read {path}: {_reason(error)}",
                hint="the service reads /etc/edgeinfer/mqtt.password by itself, without password_file",
            ) from error
        if not text and self.password_file is not None:
            raise SettingsError(f"mqtt.password_file: {path} is empty")
        return text or None  # the unit sets an empty credential where the administrator gives none


class StreamSettings(Struct, frozen=True):
    """One source through one bundle. `bundle` is an installed name or a path."""

    name: str
    source: str
    bundle: str
    max_fps: Annotated[float, Meta(gt=0.0, le=MAX_FPS)] | None = None
    threads: Annotated[int, Meta(ge=1, le=256)] | None = None

    @property
    def bundle_path(self) -> Path | None:
        """The path of a bundle that is not installed; None for an installed name."""
        return None if _is_bundle_name(self.bundle) else Path(self.bundle)

    def __repr__(self) -> str:
        # The source's URI may hold a password or a token.
        scheme = self.source.partition(":")[0]
        return f"StreamSettings(name={self.name!r}, source='{scheme}:…', bundle={self.bundle!r})"


class MetricsSettings(Struct, frozen=True):
    """How often metrics are published."""

    interval_s: Seconds = 10.0


class StateSettings(Struct, frozen=True):
    """Where installed bundles lie; the usual place by default."""

    folder: str | None = None


class TrustSettings(Struct, frozen=True):
    """Folders or files of public keys, instead of the usual ones."""

    paths: tuple[str, ...] = ()


class JsonlSettings(Struct, frozen=True):
    """Results as JSON lines in a file, or on stdout for `-`."""

    path: str


class Settings(Struct, frozen=True):
    """The whole file."""

    stream: tuple[StreamSettings, ...] = ()
    device: DeviceSettings = field(default_factory=DeviceSettings)
    mqtt: MqttSettings | None = None
    jsonl: JsonlSettings | None = None
    metrics: MetricsSettings = field(default_factory=MetricsSettings)
    state: StateSettings = field(default_factory=StateSettings)
    trust: TrustSettings = field(default_factory=TrustSettings)


def load_settings(path: Path) -> Settings:
    """Read and check a settings file. Raises SettingsError with every fault in it."""
    try:
        data = path.read_bytes()
    except OSError as error:
        raise SettingsError(
            f"cannot read the settings file {path}: {_reason(error)}",
            hint="`edgeinfer systemd install` writes a commented example; docs/settings.md has every field",
        ) from error
    return parse_settings(data, str(path), folder=path.absolute().parent)


def parse_settings(data: bytes, where: str, *, folder: Path, host_name: str | None = None) -> Settings:
    """Parse and check settings; relative paths in them start from `folder`.

    `host_name` is the device's name where the file gives none (default: this machine's).
    """
    settings = convert_all(toml_table(data, where), Settings, where)
    name = settings.device.name or (socket.gethostname() if host_name is None else host_name)
    settings = replace(settings, device=replace(settings.device, name=name))
    faults = list(_faults(settings))
    if faults:
        raise SettingsError(list_faults(where, faults))
    return _with_absolute_paths(settings, folder)


def mask(text: str) -> str:
    """The text without the user names and passwords of the URLs in it, for logs and messages."""
    return _USER_INFO.sub("***@", text)


def _faults(settings: Settings) -> Iterator[str]:
    yield from _name_faults(settings.device.name, "device.name")
    if not settings.stream:
        yield "stream: missing; add a [[stream]] with name, source and bundle, as in docs/settings.md"
    if settings.mqtt is None and settings.jsonl is None:
        yield "mqtt: missing; results would go nowhere: add [mqtt] with url, or [jsonl] with path"
    if settings.mqtt is not None:
        yield from (f"mqtt.{fault}" for fault in _mqtt_faults(settings.mqtt))
    if settings.jsonl is not None and not settings.jsonl.path:
        yield "jsonl.path: empty"
    seen: dict[str, int] = {}
    for number, stream in enumerate(settings.stream):
        yield from (f"stream[{number}].{fault}" for fault in _stream_faults(stream))
        if stream.name in seen:
            yield f"stream[{number}].name: `{stream.name}` is the name of stream[{seen[stream.name]}] already"
        seen.setdefault(stream.name, number)


def _stream_faults(stream: StreamSettings) -> Iterator[str]:
    yield from _name_faults(stream.name, "name")
    if not stream.source.strip():
        yield "source: empty"
    if not stream.bundle.strip():
        yield "bundle: empty"


def _name_faults(name: str, place: str) -> Iterator[str]:
    if not name or name != name.strip() or len(name) > MAX_NAME_LENGTH:
        yield f"{place}: 1 to {MAX_NAME_LENGTH} characters without blanks at the ends are needed"
    # Not printable are also marks that no one sees, or that turn the text around them.
    if "/" in name or _NOT_IN_TOPICS.search(name) or not name.isprintable():
        yield f"{place}: `+`, `#`, `/` and control characters cannot stand in an MQTT topic"


def _mqtt_faults(mqtt: MqttSettings) -> Iterator[str]:
    yield from _url_faults(mqtt.url)
    levels = mqtt.prefix.split("/")
    if not all(levels) or mqtt.prefix.startswith("$") or _NOT_IN_TOPICS.search(mqtt.prefix):
        yield "prefix: topic levels without `+`, `#`, control characters or a leading `$` are needed"
    if (mqtt.cert_file is None) != (mqtt.key_file is None):
        yield "cert_file: a client certificate needs both cert_file and key_file"
    if mqtt.password_file is not None and mqtt.username is None:
        yield "username: missing; a password goes with a user name"
    if mqtt.url.startswith(("mqtt:", "ws:")) and (mqtt.ca_file or mqtt.cert_file):
        yield "url: ca_file and cert_file go with mqtts:// or wss:// only"


def _url_faults(text: str) -> Iterator[str]:
    # No message repeats the URL: it may hold a password.
    try:
        url = urlsplit(text)
        port = url.port
        host = (url.hostname or "").encode("idna")
    except ValueError:  # also UnicodeError: a host name that DNS cannot hold
        yield "url: not a URL such as mqtts://broker.example:8883"
        return
    if url.username is not None or url.password is not None:
        yield "url: no user name or password here: use username and password_file"
    if url.scheme not in DEFAULT_PORTS:
        yield f"url: starts with none of {', '.join(f'{one}://' for one in DEFAULT_PORTS)}"
    if not host or port == 0:
        yield "url: no host or port, as in mqtts://broker.example:8883"
    yield from _path_faults(url)


def _path_faults(url: SplitResult) -> Iterator[str]:
    if url.query or url.fragment or (url.scheme in ("mqtt", "mqtts") and url.path not in ("", "/")):
        yield "url: a path goes with ws:// and wss:// only, a query with none"


def _is_bundle_name(text: str) -> bool:
    return bool(_BUNDLE_NAME.match(text)) and not text.endswith(".eib")


def _with_absolute_paths(settings: Settings, folder: Path) -> Settings:
    def absolute(path: str | None) -> str | None:
        return None if path is None else str(folder / path)

    mqtt, jsonl = settings.mqtt, settings.jsonl
    if mqtt is not None:
        files = ("password_file", "ca_file", "cert_file", "key_file")
        mqtt = replace(mqtt, **{name: absolute(getattr(mqtt, name)) for name in files})
    if jsonl is not None and jsonl.path != STDOUT:
        jsonl = replace(jsonl, path=absolute(jsonl.path))
    return replace(
        settings,
        mqtt=mqtt,
        jsonl=jsonl,
        stream=tuple(
            one if _is_bundle_name(one.bundle) else replace(one, bundle=absolute(one.bundle))
            for one in settings.stream
        ),
        state=replace(settings.state, folder=absolute(settings.state.folder)),
        trust=replace(settings.trust, paths=tuple(str(folder / path) for path in settings.trust.paths)),
    )


def _password_path(mqtt: MqttSettings, environment: Mapping[str, str]) -> Path | None:
    if mqtt.password_file is not None:
        return Path(mqtt.password_file)
    credentials = environment.get("CREDENTIALS_DIRECTORY")
    if credentials and (Path(credentials) / CREDENTIAL_NAME).exists():
        return Path(credentials) / CREDENTIAL_NAME
    return None


def _reason(error: OSError | UnicodeDecodeError) -> str:
    return (error.strerror or str(error)) if isinstance(error, OSError) else "not UTF-8 text"
