"""Fetching a bundle over HTTP: bounded in size and time, and to HTTP and HTTPS only, redirects included.

What was fetched is not trusted: the bundle's signature decides.
"""

from __future__ import annotations

import http.client
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any
from urllib.parse import urlsplit

import tenacity

from edgeinfer import __version__
from edgeinfer.errors import StoreError

SCHEMES = ("http", "https")
MAX_DOWNLOAD_BYTES = 4 * 1024**3
STALL_TIMEOUT_S = 30.0
PATIENCE_S = 60.0
MIN_BYTES_PER_S = 1024
ATTEMPTS = 3
CHUNK_BYTES = 256 * 1024
MAX_DIGITS = 19


class _TransientError(Exception):
    """A fault that may be gone at the next attempt."""


@dataclass(frozen=True)
class Clock:
    """What time it is, and how to wait; a test has its own."""

    now_s: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep


def is_url(source: str) -> bool:
    """Whether a source is a URL and not a path."""
    return "://" in source


def download(
    url: str, target: Path, *, max_bytes: int = MAX_DOWNLOAD_BYTES, clock: Clock | None = None
) -> Path:
    """Fetch `url` into the new file `target`; passing faults are tried three times. Raises StoreError."""
    clock = clock or Clock()
    shown = _check_url(url)
    attempts = tenacity.Retrying(
        stop=tenacity.stop_after_attempt(ATTEMPTS),
        wait=tenacity.wait_exponential(multiplier=1.0, max=10.0),
        retry=tenacity.retry_if_exception_type(_TransientError),
        sleep=clock.sleep,
        reraise=True,
    )
    try:
        attempts(_fetch, url, target, max_bytes, clock)
    except _TransientError as error:
        raise StoreError(
            f"{shown}: {error}", hint="check the network and the address, then try again"
        ) from error
    return target


def _fetch(url: str, target: Path, max_bytes: int, clock: Clock) -> None:
    request = urllib.request.Request(  # noqa: S310 - the scheme was checked, and redirects are
        url, headers={"User-Agent": f"edgeinfer/{__version__}", "Accept-Encoding": "identity"}
    )
    try:
        with _opener().open(request, timeout=STALL_TIMEOUT_S) as response:
            _copy(response, target, max_bytes, clock)
    except urllib.error.HTTPError as error:
        error.close()
        if error.code >= http.client.INTERNAL_SERVER_ERROR:
            raise _TransientError(_status_text(error.code)) from error
        raise StoreError(f"{_shown(url)}: {_status_text(error.code)}") from error
    except urllib.error.URLError as error:
        raise _TransientError(f"cannot be reached: {error.reason}") from error
    except (TimeoutError, ConnectionError, http.client.HTTPException) as error:
        raise _TransientError(f"the connection broke: {error or type(error).__name__}") from error
    except ValueError as error:
        # urllib parses where it is redirected to before `_Redirects` is asked.
        raise StoreError(f"{_shown(url)}: the server redirects to what is not an address") from error


def _copy(response: Any, target: Path, max_bytes: int, clock: Clock) -> None:
    if response.headers.get("Content-Encoding", "identity") != "identity":
        raise StoreError(f"{_shown(response.url)}: the server sends it encoded, which was not asked for")
    announced = _announced_bytes(response)
    if announced is not None and announced > max_bytes:
        raise StoreError(f"{_shown(response.url)}: {announced} bytes; at most {max_bytes} can be stored")
    started_s, received = clock.now_s(), 0
    with target.open("wb") as stream:
        while chunk := response.read1(CHUNK_BYTES):
            received += len(chunk)
            if received > max_bytes:
                raise StoreError(f"{_shown(response.url)}: more than {max_bytes} bytes")
            elapsed_s = clock.now_s() - started_s
            if elapsed_s > PATIENCE_S and received < elapsed_s * MIN_BYTES_PER_S:
                raise _TransientError(f"too slow: {received} bytes in {elapsed_s:.0f} s")
            stream.write(chunk)
    if announced is not None and received != announced:
        raise _TransientError(f"{received} bytes came of {announced}")


def _announced_bytes(response: Any) -> int | None:
    text = response.headers.get("Content-Length", "")
    # A number of thousands of digits is an error to `int`; so many are too much anyway.
    return int(text[:MAX_DIGITS]) if text.isascii() and text.isdecimal() else None


class _Redirects(urllib.request.HTTPRedirectHandler):
    """Follows redirects to HTTP and HTTPS, never from HTTPS to HTTP."""

    def http_error_302(
        self,
        req: urllib.request.Request,
        fp: IO[bytes],
        code: int,
        msg: str,
        headers: http.client.HTTPMessage,
    ) -> Any:
        """As the base class, but closes the answer where urllib cannot parse its address."""
        try:
            return super().http_error_302(req, fp, code, msg, headers)
        except ValueError:
            fp.close()
            raise

    http_error_301 = http_error_303 = http_error_307 = http_error_308 = http_error_302

    def redirect_request(
        self,
        req: urllib.request.Request,
        fp: IO[bytes],
        code: int,
        msg: str,
        headers: http.client.HTTPMessage,
        newurl: str,
    ) -> urllib.request.Request | None:
        try:
            _check_redirect(req.full_url, newurl)
        except StoreError:
            fp.close()
            raise
        return super().redirect_request(req, fp, code, msg, headers, newurl)


def _opener() -> urllib.request.OpenerDirector:
    # Not build_opener: it adds handlers for file, ftp and data.
    opener = urllib.request.OpenerDirector()
    for handler in (
        urllib.request.ProxyHandler(),
        urllib.request.UnknownHandler(),
        urllib.request.HTTPHandler(),
        urllib.request.HTTPSHandler(),
        urllib.request.HTTPDefaultErrorHandler(),
        urllib.request.HTTPErrorProcessor(),
        _Redirects(),
    ):
        opener.add_handler(handler)
    return opener


def _status_text(code: int) -> str:
    # Not the server's own words: they are not to be trusted on a terminal.
    if http.client.MULTIPLE_CHOICES <= code < http.client.BAD_REQUEST:
        return f"the server redirects ({code}) too often, or to an address that is neither http nor https"
    return f"the server says {code} {http.client.responses.get(code, '')}".rstrip()


def _check_url(url: str) -> str:
    try:
        parts = urlsplit(url)
        host, user = parts.hostname, parts.username
        (host or "").encode("idna")
        parts.path.encode("ascii")
    except ValueError as error:  # also UnicodeError
        raise StoreError(
            f"not a usable address: {url[:200]!a}",
            hint="characters beyond ASCII are written %XX; a part of a host name has 63 letters at most",
        ) from error
    if parts.scheme not in SCHEMES or not host:
        raise StoreError(f"{_shown(url)}: only http:// and https:// addresses can be fetched")
    if user is not None:
        raise StoreError(f"{_shown(url)}: an address with a user name in it is not supported")
    return _shown(url)


def _check_redirect(old: str, new: str) -> None:
    _check_url(new)
    if urlsplit(old).scheme == "https" and urlsplit(new).scheme != "https":
        raise StoreError(f"{_shown(old)}: redirected from https to http")


def _shown(url: str) -> str:
    """The address without user, password and query, which may be secrets."""
    scheme, _, rest = url.partition("://")
    place = rest.partition("?")[0].rpartition("@")[2]
    return ascii(f"{scheme}://{place}"[:200])[1:-1]
