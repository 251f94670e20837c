"""Streams from real servers on the loopback."""

from __future__ import annotations

import datetime
import ipaddress
import logging
import time
from pathlib import Path
from urllib.parse import quote

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from edgeinfer.errors import SettingsError, SourceError
from edgeinfer.processing.spec import ImageInput
from edgeinfer.sources import Source, open_source, stream
from tests.fixtures.clips import HEIGHT, WIDTH, number_of, write_clip
from tests.fixtures.video_servers import PASSWORD, USER, http_server, rtsp_server, silent_server

SPEC = ImageInput(size=(8, 8))
CREDENTIALS = f"{quote(USER, safe='')}:{quote(PASSWORD, safe='')}"
MANY = 40  # FFmpeg looks at about twenty frames before it gives the first


def numbers(source: Source, count: int) -> list[int]:
    return [number_of(frame.data) for _ in range(count) if (frame := source.read())]


def test_motion_jpeg_over_http() -> None:
    with http_server(frames=6) as port, open_source(f"http://127.0.0.1:{port}/stream", SPEC) as source:
        assert source.live is True
        first = source.read()
        assert first is not None
        assert first.size == (WIDTH, HEIGHT)
        assert numbers(source, 5) == [1, 2, 3, 4, 5]
        with pytest.raises(SourceError, match="the stream ended"):
            source.read()


def test_a_finished_clip_on_a_web_server_ends_in_order(tmp_path: Path) -> None:
    clip = write_clip(tmp_path / "clip.avi", 5, fourcc="MJPG")
    with (
        http_server(frames=0, clip=clip) as port,
        open_source(f"http://127.0.0.1:{port}/clip", SPEC) as source,
    ):
        assert numbers(source, 10) == [0, 1, 2, 3, 4]
        assert source.read() is None


def test_rtsp_over_tcp_and_a_camera_that_hangs() -> None:
    with rtsp_server(frames=MANY) as port:
        uri = f"rtsp://127.0.0.1:{port}/live#open_timeout_s=20&read_timeout_s=0.3"
        with open_source(uri, SPEC) as source:
            assert numbers(source, MANY) == [number % 16 for number in range(MANY)]
            with pytest.raises(SourceError, match=r"gave no frame for 0\.3 s"):
                source.read()


@pytest.mark.parametrize("scheme", ["http", "rtsp"])
def test_user_name_and_password_in_the_uri(scheme: str) -> None:
    server, path = (http_server, "stream") if scheme == "http" else (rtsp_server, "live")
    uri = f"{scheme}://{CREDENTIALS}@127.0.0.1:{{}}/{path}"
    with server(frames=MANY, guarded=True) as port, open_source(uri.format(port), SPEC) as source:
        assert numbers(source, 3) == [0, 1, 2]


def test_the_password_from_a_file(tmp_path: Path) -> None:
    (tmp_path / "password").write_text(f"{PASSWORD}\n")
    with http_server(frames=3, guarded=True) as port:
        options = f"username={USER}&password_file={quote(str(tmp_path / 'password'))}"
        with open_source(f"http://127.0.0.1:{port}/stream#{options}", SPEC) as source:
            assert numbers(source, 3) == [0, 1, 2]


@pytest.mark.parametrize(
    "content",
    [b"", b"\n", b"two\nlines", b"\xff\xfe", b"x" * 2000],
    ids=["empty", "a blank line", "two lines", "not text", "too long"],
)
def test_a_password_file_of_no_use(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "password"
    path.write_bytes(content)
    with (
        pytest.raises(SourceError, match="password"),
        open_source(f"http://x/#username=u&password_file={path}", SPEC),
    ):
        pass


def test_an_absent_password_file_is_named(tmp_path: Path) -> None:
    path = tmp_path / "password"
    with (
        pytest.raises(SourceError, match=f"{path}: No such file"),
        open_source(f"http://x/#username=u&password_file={path}", SPEC),
    ):
        pass


@pytest.mark.parametrize("options", ["username=u", "password_file=/p"])
def test_user_name_and_password_file_go_together(options: str) -> None:
    with pytest.raises(SettingsError, match="username and password_file go together"):
        open_source(f"http://camera/#{options}", SPEC)


@pytest.mark.parametrize("uri", ["http://{}127.0.0.1:{}/stream", "rtsp://{}127.0.0.1:{}/live"])
def test_a_wrong_password_is_an_error_that_shows_none(
    uri: str, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    server = http_server if uri.startswith("http") else rtsp_server
    with server(frames=3, guarded=True) as port:
        source = open_source(uri.format("gate:hunter2@", port), SPEC)
        with (
            caplog.at_level(logging.DEBUG),
            pytest.raises(SourceError, match="gives no video") as caught,
            source,
        ):
            pass
    assert "user name and password" in caught.value.hint
    written = caught.value.message + caught.value.hint + caplog.text + "".join(capfd.readouterr())
    assert "hunter2" not in written


@pytest.mark.parametrize("scheme", ["http", "https", "rtsp", "rtsps"])
def test_a_silent_server_ends_in_an_error_in_time(scheme: str, capfd: pytest.CaptureFixture[str]) -> None:
    with silent_server() as port:
        source = open_source(f"{scheme}://gate:hunter2@127.0.0.1:{port}/x#open_timeout_s=0.2", SPEC)
        before = time.monotonic()
        with pytest.raises(SourceError, match=r"gives no video \(waited up to 0\.2 s\)") as caught, source:
            pass
        assert time.monotonic() - before < 30
    assert "hunter2" not in caught.value.message + caught.value.hint + "".join(capfd.readouterr())


@pytest.mark.parametrize("scheme", ["http", "https", "rtsp", "rtsps"])
def test_a_refused_port_says_so(scheme: str, capfd: pytest.CaptureFixture[str]) -> None:
    with silent_server() as port:
        pass
    source = open_source(f"{scheme}://gate:hunter2@127.0.0.1:{port}/x?pwd=hunter2", SPEC)
    message = f"cannot reach 127.0.0.1 at port {port}: Connection refused"
    with pytest.raises(SourceError, match=message) as caught, source:
        pass
    assert "hunter2" not in caught.value.message + caught.value.hint + "".join(capfd.readouterr())


def test_a_page_is_no_video() -> None:
    with (
        http_server(frames=0) as port,
        pytest.raises(SourceError, match="gives no video"),
        open_source(f"http://127.0.0.1:{port}/page", SPEC),
    ):
        pass


def test_a_server_cannot_make_us_read_a_local_file(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    clip = write_clip(tmp_path / "secret.avi", 3, fourcc="MJPG")
    with (
        http_server(frames=0, clip=clip) as port,
        pytest.raises(SourceError, match="gives no video"),
        open_source(f"http://127.0.0.1:{port}/local", SPEC),
    ):
        pass
    assert "'file' not on whitelist" in capfd.readouterr().err


def test_udp_is_asked_for_when_chosen(capfd: pytest.CaptureFixture[str]) -> None:
    # The server here speaks TCP only, and says so: 461.
    with (
        rtsp_server(frames=1) as port,
        pytest.raises(SourceError, match="gives no video"),
        open_source(f"rtsp://127.0.0.1:{port}/live#transport=udp&open_timeout_s=5", SPEC),
    ):
        pass
    assert "461" in capfd.readouterr().err


@pytest.fixture
def certificate(tmp_path: Path) -> tuple[Path, Path]:
    """A certificate for 127.0.0.1 that vouches for itself, and its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "camera")])
    now = datetime.datetime.now(datetime.timezone.utc)
    address = x509.IPAddress(ipaddress.ip_address("127.0.0.1"))
    made = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([address]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    paths = (tmp_path / "camera.pem", tmp_path / "camera.key")
    paths[0].write_bytes(made.public_bytes(serialization.Encoding.PEM))
    paths[1].write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
    )
    return paths


@pytest.mark.parametrize("scheme", ["https", "rtsps"])
def test_a_server_that_nobody_vouches_for_is_refused(scheme: str, certificate: tuple[Path, Path]) -> None:
    server = http_server if scheme == "https" else rtsp_server
    with server(frames=MANY, tls=certificate) as port:
        uri = f"{scheme}://127.0.0.1:{port}/stream"
        with pytest.raises(SourceError, match="gives no video") as caught, open_source(uri, SPEC):
            pass
        assert "the certificate (`#ca_file=…`)" in caught.value.hint
        for options in ("verify=0", f"ca_file={quote(str(certificate[0]))}"):
            with open_source(f"{uri}#{options}", SPEC) as source:
                assert numbers(source, 3) == [0, 1, 2]


@pytest.mark.parametrize("scheme", ["https", "rtsps"])
def test_a_certificate_for_another_name_is_refused(scheme: str, certificate: tuple[Path, Path]) -> None:
    server = http_server if scheme == "https" else rtsp_server
    with server(frames=MANY, tls=certificate) as port:
        uri = f"{scheme}://localhost:{port}/stream#ca_file={quote(str(certificate[0]))}"
        with pytest.raises(SourceError, match="localhost answers at port"), open_source(uri, SPEC):
            pass


def test_an_absent_file_of_certificates_is_named(tmp_path: Path) -> None:
    path = tmp_path / "ca.pem"
    with (
        pytest.raises(SourceError, match=f"{path}: No such file"),
        open_source(f"https://127.0.0.1:9/x#ca_file={path}", SPEC),
    ):
        pass


class NoPaths:
    """What OpenSSL says of itself on Debian: a folder, and no file."""

    cafile = None


def test_the_certificates_of_the_system_are_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, certificate: tuple[Path, Path]
) -> None:
    monkeypatch.setattr("ssl.get_default_verify_paths", NoPaths)
    monkeypatch.setattr(stream, "CERTIFICATES", (str(tmp_path / "absent.pem"), str(certificate[0])))
    with (
        http_server(frames=3, tls=certificate) as port,
        open_source(f"https://127.0.0.1:{port}/stream", SPEC) as source,
    ):
        assert numbers(source, 3) == [0, 1, 2]


def test_a_system_without_certificates_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ssl.get_default_verify_paths", NoPaths)
    monkeypatch.setattr(stream, "CERTIFICATES", (str(tmp_path / "absent.pem"),))
    with (
        pytest.raises(SourceError, match="no certificates of authorities") as caught,
        open_source("https://127.0.0.1:9/x", SPEC),
    ):
        pass
    assert "ca-certificates" in caught.value.hint
