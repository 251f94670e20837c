"""Fetching bundles from a server that may be slow, broken or hostile."""

from __future__ import annotations

import http.client
import http.server
import io
import threading
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from edgeinfer.bundle.keys import TrustStore
from edgeinfer.errors import BundleError, StoreError
from edgeinfer.host import Host
from edgeinfer.store.download import ATTEMPTS, Clock, _Redirects, download, is_url
from edgeinfer.store.slots import Store

Reply = Callable[[http.server.BaseHTTPRequestHandler], None]
BODY = b"0123456789" * 1000


@dataclass
class Server:
    """A server on the loopback that replies as each test says."""

    port: int
    reply: Reply
    requests: list[str] = field(default_factory=list)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/parts.eib"


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    for name in ("http_proxy", "https_proxy", "all_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
    made: list[Server] = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            made[0].requests.append(self.path)
            made[0].reply(self)

        def log_message(self, *_: Any) -> None:
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as running:
        running.daemon_threads = True
        made.append(Server(running.server_address[1], send(BODY)))
        threading.Thread(target=running.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        yield made[0]
        running.shutdown()


def send(body: bytes, *, status: int = 200, length: int | None = None, **headers: str) -> Reply:
    """A reply with this body; `length` is what Content-Length claims, -1 for none."""

    def reply(handler: http.server.BaseHTTPRequestHandler) -> None:
        handler.send_response(status)
        if length != -1:
            handler.send_header("Content-Length", str(len(body) if length is None else length))
        for name, text in headers.items():
            handler.send_header(name.replace("_", "-"), text)
        handler.end_headers()
        handler.wfile.write(body)

    return reply


class Ticks:
    """A clock that moves on by a fixed step at each look, and only counts its sleeps."""

    def __init__(self, step_s: float = 0.0) -> None:
        self._step_s, self._now_s = step_s, 0.0
        self.slept: list[float] = []

    def clock(self) -> Clock:
        return Clock(self._now, self.slept.append)

    def _now(self) -> float:
        self._now_s += self._step_s
        return self._now_s


@pytest.mark.parametrize("length", [None, -1])
def test_a_file_is_fetched(server: Server, tmp_path: Path, length: int | None) -> None:
    server.reply = send(BODY, length=length)
    target = download(server.url, tmp_path / "a.eib")
    assert target.read_bytes() == BODY


def test_a_redirect_is_followed(server: Server, tmp_path: Path) -> None:
    def reply(handler: http.server.BaseHTTPRequestHandler) -> None:
        moved = send(b"", status=302, Location="/other.eib")
        (moved if handler.path == "/parts.eib" else send(BODY))(handler)

    server.reply = reply
    assert download(server.url, tmp_path / "a.eib").read_bytes() == BODY
    assert server.requests == ["/parts.eib", "/other.eib"]


@pytest.mark.parametrize(
    "location", ["file:///etc/passwd", "ftp://127.0.0.1/x", "data:text/plain,x", "gopher://127.0.0.1/"]
)
def test_a_redirect_elsewhere_is_refused(server: Server, tmp_path: Path, location: str) -> None:
    server.reply = send(b"", status=302, Location=location)
    with pytest.raises(StoreError, match=r"only http|neither http nor https"):
        download(server.url, tmp_path / "a.eib")


@pytest.mark.parametrize(
    "location",
    [
        "http://[bad/",
        f"http://{'a' * 64}.example/",
        "http://\xff\xfe.example/",
        "http://a..b/",
        "http://h:port/",
    ],
)
def test_a_redirect_to_nonsense_is_an_expected_failure(server: Server, tmp_path: Path, location: str) -> None:
    server.reply = send(b"", status=302, Location=location)
    with pytest.raises(StoreError, match=r"redirects to|usable address|connection broke"):
        download(server.url, tmp_path / "a.eib", clock=Ticks().clock())


@pytest.mark.parametrize(
    "address", ["http://127.0.0.1:9/\xfc.eib", f"http://{'a' * 64}.example/", "http://a..b/"]
)
def test_an_address_that_http_cannot_carry_is_an_expected_failure(tmp_path: Path, address: str) -> None:
    with pytest.raises(StoreError, match="usable address") as caught:
        download(address, tmp_path / "a.eib", clock=Ticks().clock())
    assert "%XX" in caught.value.hint


def test_a_length_of_thousands_of_digits_is_too_much(server: Server, tmp_path: Path) -> None:
    server.reply = send(b"", length=-1, Content_Length="9" * 5000)
    with pytest.raises(StoreError, match="can be stored"):
        download(server.url, tmp_path / "a.eib", clock=Ticks().clock())


def test_endless_redirects_end(server: Server, tmp_path: Path) -> None:
    server.reply = send(b"", status=302, Location="/parts.eib")
    with pytest.raises(StoreError, match="302"):
        download(server.url, tmp_path / "a.eib")


@pytest.mark.parametrize(
    "url",
    [
        "file:///etc/passwd",
        "ftp://127.0.0.1/a.eib",
        "http:///a.eib",
        "gopher://127.0.0.1/",
        "http://user:secret@127.0.0.1/a.eib",
        "http://[::1/a.eib",
    ],
)
def test_an_address_of_another_kind_is_refused(tmp_path: Path, url: str) -> None:
    with pytest.raises(StoreError) as caught:
        download(url, tmp_path / "a.eib")
    assert "secret" not in caught.value.message
    assert not any(tmp_path.iterdir())


@pytest.mark.parametrize("length", [None, -1, 10])
def test_more_than_there_is_room_for_is_refused(server: Server, tmp_path: Path, length: int | None) -> None:
    server.reply = send(BODY, length=length)
    if length == 10:
        # A server that announces less than it sends: the rest is never read, and what came is no bundle.
        assert download(server.url, tmp_path / "a.eib", max_bytes=9999).stat().st_size == length
    else:
        with pytest.raises(StoreError, match="9999"):
            download(server.url, tmp_path / "a.eib", max_bytes=9999)


def test_a_short_body_is_tried_again(server: Server, tmp_path: Path) -> None:
    ticks = Ticks()
    server.reply = send(BODY, length=len(BODY) + 1)
    with pytest.raises(StoreError, match=r"10000 bytes came of 10001|connection broke"):
        download(server.url, tmp_path / "a.eib", clock=ticks.clock())
    assert len(server.requests) == ATTEMPTS
    assert len(ticks.slept) == ATTEMPTS - 1


def test_a_passing_fault_is_overcome(server: Server, tmp_path: Path) -> None:
    def reply(handler: http.server.BaseHTTPRequestHandler) -> None:
        send(BODY, status=503 if len(server.requests) < ATTEMPTS else 200)(handler)

    server.reply = reply
    assert download(server.url, tmp_path / "a.eib", clock=Ticks().clock()).read_bytes() == BODY


@pytest.mark.parametrize(("status", "attempts"), [(404, 1), (403, 1), (500, ATTEMPTS), (503, ATTEMPTS)])
def test_what_the_server_says_is_told(server: Server, tmp_path: Path, status: int, attempts: int) -> None:
    server.reply = send(b"no", status=status)
    with pytest.raises(StoreError, match=f"the server says {status}"):
        download(f"{server.url}?token=secret", tmp_path / "a.eib", clock=Ticks().clock())
    assert len(server.requests) == attempts


def test_a_secret_in_the_address_is_not_shown(server: Server, tmp_path: Path) -> None:
    server.reply = send(b"", status=404)
    with pytest.raises(StoreError) as caught:
        download(f"{server.url}?token=secret", tmp_path / "a.eib")
    assert "secret" not in caught.value.message
    assert server.url in caught.value.message


def test_an_encoded_body_is_refused(server: Server, tmp_path: Path) -> None:
    server.reply = send(BODY, Content_Encoding="gzip")
    with pytest.raises(StoreError, match="encoded"):
        download(server.url, tmp_path / "a.eib")


def test_a_trickle_is_given_up(server: Server, tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="too slow"):
        download(server.url, tmp_path / "a.eib", clock=Ticks(step_s=61.0).clock())


def test_nobody_there_is_told(server: Server, tmp_path: Path) -> None:
    def hang_up(handler: http.server.BaseHTTPRequestHandler) -> None:
        handler.connection.close()

    server.reply = hang_up
    with pytest.raises(StoreError, match=r"connection broke|cannot be reached"):
        download(server.url, tmp_path / "a.eib", clock=Ticks().clock())
    with pytest.raises(StoreError, match="cannot be reached") as caught:
        download("http://127.0.0.1:9/a.eib", tmp_path / "a.eib", clock=Ticks().clock())
    assert "network" in caught.value.hint


def test_urls_and_paths_are_told_apart() -> None:
    assert is_url("https://example.com/a.eib")
    assert not is_url("/tmp/a.eib")
    assert not is_url("a.eib")


def test_a_bundle_is_installed_from_an_address(
    server: Server, bundles: dict[str, Path], trust: TrustStore, host: Host, tmp_path: Path
) -> None:
    store = Store(tmp_path, trial=lambda _: None)
    server.reply = send(bundles["1.0.0"].read_bytes())
    assert store.install(server.url, trust, host).version == "1.0.0"
    server.reply = send(bundles["2.0.0"].read_bytes()[:-1])
    with pytest.raises(BundleError, match="cut off"):
        store.install(server.url, trust, host)
    assert [one.version for one in store.status()] == ["1.0.0"]
    assert not any((store.folder / ".staging").iterdir())


def test_what_does_not_fit_on_the_disk_is_not_fetched(
    server: Server, bundles: dict[str, Path], trust: TrustStore, host: Host, tmp_path: Path
) -> None:
    store = Store(tmp_path, trial=lambda _: None, free_bytes=lambda _: 1_050_000)
    server.reply = send(bundles["1.0.0"].read_bytes())
    with pytest.raises(StoreError, match="at most 712 can be stored"):
        store.install(server.url, trust, host)


def test_a_redirect_from_https_to_http_is_refused() -> None:
    body = io.BytesIO()
    request = urllib.request.Request("https://127.0.0.1/a.eib")
    with pytest.raises(StoreError, match="from https to http"):
        _Redirects().redirect_request(
            request, body, 302, "", http.client.HTTPMessage(), "http://127.0.0.1/a.eib"
        )
    assert body.closed
