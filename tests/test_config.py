"""The settings file."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgeinfer.config import (
    MAX_NAME_LENGTH,
    BrokerAddress,
    MqttSettings,
    Settings,
    StreamSettings,
    load_settings,
    mask,
    parse_settings,
)
from edgeinfer.errors import SettingsError
from edgeinfer.strict import decode_json, encode_json

FOLDER = Path("/etc/edgeinfer")
STREAM = '[[stream]]\nname = "door"\nsource = "synthetic:"\nbundle = "person"\n'
MQTT = '[mqtt]\nurl = "mqtt://broker"\n'


def parse(text: str) -> Settings:
    return parse_settings(text.encode(), "edgeinfer.toml", folder=FOLDER, host_name="pi")


def fault(text: str) -> str:
    with pytest.raises(SettingsError) as caught:
        parse(text)
    return caught.value.message


def test_the_smallest_file_and_its_defaults() -> None:
    settings = parse(MQTT + STREAM)
    assert settings.device.name == "pi"
    assert settings.mqtt == MqttSettings(url="mqtt://broker")
    assert (settings.mqtt.version, settings.mqtt.prefix, settings.mqtt.keepalive_s) == ("5", "edgeinfer", 30)
    assert settings.metrics.interval_s == 10.0
    assert settings.stream[0].max_fps is None


def test_every_field() -> None:
    settings = parse(
        """
        [device]
        name = "gate-1"
        [mqtt]
        url = "mqtts://broker.example:8883"
        version = "3.1.1"
        prefix = "plant/line-2"
        username = "gate-1"
        password_file = "mqtt.password"
        ca_file = "/ca.pem"
        cert_file = "device.pem"
        key_file = "device.key"
        keepalive_s = 60
        client_id = "c"
        [[stream]]
        name = "door"
        source = "rtsp://camera.example/stream"
        bundle = "bundles/person.eib"
        max_fps = 10
        threads = 2
        [metrics]
        interval_s = 2.5
        [state]
        folder = "state"
        [trust]
        paths = ["keys", "/other.pem"]
        [jsonl]
        path = "results.jsonl"
        """
    )
    assert settings.mqtt is not None
    assert settings.mqtt.password_file == "/etc/edgeinfer/mqtt.password"
    assert settings.mqtt.ca_file == "/ca.pem"
    assert settings.stream[0].bundle_path == Path("/etc/edgeinfer/bundles/person.eib")
    assert settings.state.folder == "/etc/edgeinfer/state"
    assert settings.trust.paths == ("/etc/edgeinfer/keys", "/other.pem")
    assert settings.jsonl is not None
    assert settings.jsonl.path == "/etc/edgeinfer/results.jsonl"
    assert decode_json(encode_json(settings), Settings, "settings") == settings


def test_stdout_is_not_a_path() -> None:
    settings = parse(STREAM + '[jsonl]\npath = "-"\n')
    assert settings.jsonl is not None
    assert settings.jsonl.path == "-"


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("mqtt://h", BrokerAddress(host="h", port=1883, tls=False, websockets=False, path="/mqtt")),
        ("mqtts://h", BrokerAddress(host="h", port=8883, tls=True, websockets=False, path="/mqtt")),
        ("ws://h:9001", BrokerAddress(host="h", port=9001, tls=False, websockets=True, path="/mqtt")),
        ("wss://h/a/b", BrokerAddress(host="h", port=443, tls=True, websockets=True, path="/a/b")),
        (
            "mqtt://[::1]:1884",
            BrokerAddress(host="::1", port=1884, tls=False, websockets=False, path="/mqtt"),
        ),
    ],
)
def test_addresses(url: str, expected: BrokerAddress) -> None:
    settings = parse(MQTT.replace("mqtt://broker", url) + STREAM)
    assert settings.mqtt is not None
    assert settings.mqtt.address == expected


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("mqtt://user:hunter2@broker", "no user name or password here: use username and password_file"),
        ("mqtts://user@broker", "no user name or password here"),
        ("http://broker", "starts with none of mqtt://, mqtts://, ws://, wss://"),
        ("broker:1883", "starts with none of"),
        ("mqtt://", "no host"),
        ("mqtt://broker:0", "no host or port"),
        ("mqtt://broker:99999", "not a URL"),
        ("mqtt://[::1", "not a URL"),
        ("mqtt://" + "a" * 64, "not a URL"),
        ("mqtt://broker/path", "a path goes with ws:// and wss:// only"),
        ("ws://broker/?a=b", "a query with none"),
    ],
)
def test_a_wrong_url_is_named_but_never_shown(url: str, expected: str) -> None:
    message = fault(MQTT.replace("mqtt://broker", url) + STREAM)
    assert expected in message
    assert "hunter2" not in message


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (MQTT, "stream: missing; add a [[stream]] with name, source and bundle"),
        ("", "stream: missing; add a [[stream]]"),
        (MQTT + "stream = []\n", "mqtt.stream: unknown field"),
        (STREAM, "results would go nowhere"),
        (
            MQTT + STREAM.replace("bundle", "bundel"),
            "stream[0].bundel: unknown field; did you mean `bundle`?",
        ),
        (MQTT + STREAM + "[mqt]\n", "mqt: unknown field; did you mean `mqtt`?"),
        (MQTT + 'keepalive = "30"\n' + STREAM, "mqtt.keepalive: unknown field; did you mean `keepalive_s`?"),
        (MQTT + 'version = "4"\n' + STREAM, "mqtt.version: Invalid enum value"),
        (MQTT + "keepalive_s = 1\n" + STREAM, "mqtt.keepalive_s: Expected `int` >= 5"),
        (MQTT + STREAM + "max_fps = 0\n", "stream[0].max_fps: Expected `float` > 0"),
        (MQTT + STREAM + "max_fps = nan\n", "stream[0].max_fps"),
        (MQTT + STREAM + "threads = 0\n", "stream[0].threads: Expected `int` >= 1"),
        (MQTT + STREAM + STREAM, "stream[1].name: `door` is the name of stream[0] already"),
        (MQTT + STREAM.replace('"person"', '""'), "stream[0].bundle: empty"),
        (MQTT + STREAM.replace('"synthetic:"', '" "'), "stream[0].source: empty"),
        (MQTT + 'prefix = "a/+"\n' + STREAM, "mqtt.prefix: topic levels without"),
        (MQTT + 'prefix = "/a"\n' + STREAM, "mqtt.prefix: topic levels without"),
        (MQTT + 'prefix = "$SYS"\n' + STREAM, "mqtt.prefix: topic levels without"),
        (MQTT + 'cert_file = "a"\n' + STREAM, "needs both cert_file and key_file"),
        (MQTT + 'password_file = "a"\n' + STREAM, "mqtt.username: missing"),
        (MQTT + 'ca_file = "a"\n' + STREAM, "go with mqtts:// or wss:// only"),
        (STREAM + '[jsonl]\npath = ""\n', "jsonl.path: empty"),
        (MQTT + STREAM + "[metrics]\ninterval_s = 0.5\n", "metrics.interval_s"),
        (MQTT + "=", "not valid TOML"),
    ],
)
def test_faults(text: str, expected: str) -> None:
    assert expected in fault(text)


@pytest.mark.parametrize("name", ["", " door", "a/b", "a+", "#", "a\nb", "\x00", "x" * (MAX_NAME_LENGTH + 1)])
def test_names_that_cannot_stand_in_a_topic(name: str) -> None:
    quoted = "".join(f"\\u{ord(one):04x}" for one in name)
    assert "stream[0].name: " in fault(MQTT + STREAM.replace("door", quoted))


def test_a_host_name_that_cannot_stand_in_a_topic_asks_for_a_name() -> None:
    with pytest.raises(SettingsError, match=r"device\.name"):
        parse_settings((MQTT + STREAM).encode(), "f", folder=FOLDER, host_name="a/b")


def test_all_faults_are_told_at_once() -> None:
    message = fault('[mqtt]\nurl = 5\nverson = "5"\n[[stream]]\nname = 1\n')
    assert message.splitlines() == [
        "edgeinfer.toml:",
        "  mqtt.url: Expected `str`, got `int`",
        "  mqtt.verson: unknown field; did you mean `version`?",
        "  stream[0].name: Expected `str`, got `int`",
        "  stream[0].source: missing",
        "  stream[0].bundle: missing",
    ]
    assert len(fault(MQTT + 'prefix = "#"\n' + STREAM + STREAM).splitlines()) == 3


@pytest.mark.parametrize(
    ("bundle", "path"),
    [
        ("person", None),
        ("person.v2", None),
        ("person.eib", "/etc/edgeinfer/person.eib"),
        ("./person", "/etc/edgeinfer/person"),
        ("/opt/person-1.0.0-x.eib", "/opt/person-1.0.0-x.eib"),
    ],
)
def test_an_installed_name_or_a_path(bundle: str, path: str | None) -> None:
    stream = parse(MQTT + STREAM.replace("person", bundle)).stream[0]
    assert stream.bundle_path == (None if path is None else Path(path))


def test_no_secret_shows_in_a_stream() -> None:
    stream = StreamSettings(name="door", source="rtsp://user:hunter2@camera/?token=t0ken", bundle="person")
    assert "hunter2" not in repr(stream)
    assert "t0ken" not in repr(stream)


@given(st.text(st.characters(exclude_characters="/?#@ ", exclude_categories=("Z", "C")), min_size=8))
def test_masking_hides_whatever_stands_before_the_host(password: str) -> None:
    text = mask(f"cannot open rtsp://user:{password}@camera/stream: refused")
    assert password not in text.replace("cannot open rtsp://***@camera/stream: refused", "")
    assert text == "cannot open rtsp://***@camera/stream: refused"


@given(st.binary(max_size=200))
def test_any_bytes_are_settings_or_a_settings_error(data: bytes) -> None:
    with pytest.raises(SettingsError):
        parse_settings(data, "edgeinfer.toml", folder=FOLDER, host_name="pi")


@given(st.text(max_size=100))
def test_any_name_is_accepted_or_refused_for_topics(name: str) -> None:
    quoted = "".join(f"\\U{ord(one):08x}" for one in name if not 0xD800 <= ord(one) < 0xE000)
    try:
        stream = parse(MQTT + STREAM.replace("door", quoted)).stream[0]
    except SettingsError as error:
        assert "stream[0].name" in error.message  # noqa: PT017  # either outcome is right
    else:
        assert not set("+#/\x00") & set(stream.name)


def test_the_password_file(tmp_path: Path) -> None:
    path = tmp_path / "password"
    path.write_bytes("pässword \r\n".encode())
    settings = MqttSettings(url="mqtt://b", username="u", password_file=str(path))
    assert settings.password({}) == "pässword "
    path.write_bytes(b"\n")
    with pytest.raises(SettingsError, match="is empty"):
        settings.password({})
    path.write_bytes(b"\xff\xfe")
    with pytest.raises(SettingsError, match="not UTF-8"):
        settings.password({})
    path.unlink()
    with pytest.raises(SettingsError, match="No such file"):
        settings.password({})


def test_the_password_from_systemd(tmp_path: Path) -> None:
    settings = MqttSettings(url="mqtt://b", username="u")
    environment = {"CREDENTIALS_DIRECTORY": str(tmp_path)}
    assert settings.password({}) is None
    assert settings.password(environment) is None
    (tmp_path / "mqtt.password").write_text("\n")
    assert settings.password(environment) is None, "the unit's stand-in for a missing file"
    (tmp_path / "mqtt.password").write_text("secret\n")
    assert settings.password(environment) == "secret"


def test_a_password_file_comes_before_the_credential(tmp_path: Path) -> None:
    (tmp_path / "mqtt.password").write_text("credential")
    (tmp_path / "own").write_text("own")
    settings = MqttSettings(url="mqtt://b", username="u", password_file=str(tmp_path / "own"))
    assert settings.password({"CREDENTIALS_DIRECTORY": str(tmp_path)}) == "own"


def test_loading_from_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "edgeinfer.toml"
    path.write_text(MQTT + STREAM.replace("person", "./person.eib"))
    monkeypatch.chdir(tmp_path)
    assert load_settings(Path("edgeinfer.toml")).stream[0].bundle == str(tmp_path / "person.eib")
    assert load_settings(path).device.name
    with pytest.raises(SettingsError, match=r"cannot read the settings file .*Is a directory"):
        load_settings(tmp_path)
    with pytest.raises(SettingsError, match="No such file") as caught:
        load_settings(tmp_path / "none.toml")
    assert "systemd install" in caught.value.hint


@pytest.mark.parametrize("name", ["a\u202eb", "a\ufeff", "a\u200bb"])
def test_names_hold_no_marks_that_nobody_sees(name: str) -> None:
    text = f"""
        [device]
        name = "{name}"
        [jsonl]
        path = "-"
        [[stream]]
        name = "door"
        source = "synthetic:"
        bundle = "parts"
    """
    with pytest.raises(SettingsError, match=r"device\.name: .* cannot stand"):
        parse_settings(text.encode(), "edgeinfer.toml", folder=Path("/etc"))
