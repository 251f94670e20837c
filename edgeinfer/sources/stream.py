"""A stream from the network: RTSP, or video and motion JPEG over HTTP."""

from __future__ import annotations

import socket
import ssl
from pathlib import Path
from urllib.parse import urlsplit

from edgeinfer.errors import SettingsError, SourceError
from edgeinfer.frames import Frame
from edgeinfer.opencv import cv2
from edgeinfer.processing.spec import InputSpec
from edgeinfer.sources.base import FrameSource
from edgeinfer.sources.clock import Clock
from edgeinfer.sources.ffmpeg import open_ffmpeg
from edgeinfer.sources.opencv import Capture, read_capture
from edgeinfer.sources.options import NetworkOptions, RtspOptions, TlsOptions
from edgeinfer.sources.uri import SourceUri, with_credentials

# Whatever a server sends or redirects to, FFmpeg opens nothing else: above all no file of this machine.
PROTOCOLS = {
    "http": "http,https,httpproxy,tls,tcp,crypto",
    "https": "https,httpproxy,tls,tcp,crypto",
    "rtsp": "rtsp,rtp,udp,tcp",
    "rtsps": "rtsps,rtsp,rtp,tls,tcp",
}
PORTS = {"http": 80, "https": 443, "rtsp": 554, "rtsps": 322}
CERTIFICATES = ("/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt")
MAX_PASSWORD_BYTES = 1024


class StreamSource(FrameSource):
    """Frames from a server. A server that is silent for longer than the timeouts is a SourceError."""

    live = True

    def __init__(self, uri: SourceUri, options: NetworkOptions, clock: Clock) -> None:
        super().__init__(uri.redacted, clock)
        self._uri = uri
        self._options = options
        self._capture: Capture | None = None

    def _open(self) -> None:
        url = self._address()
        self._capture = open_ffmpeg(url, self._ffmpeg_options(), self._timeouts())
        if self._capture is None:
            reason, hint = self._diagnose()
            raise SourceError(f"{self._where}: {reason}", hint=hint)

    def _next(self) -> Frame | None:
        if self._capture is None:
            return None
        got = read_capture(self._capture, self._clock)
        if got is not None:
            return self._frame(*got)
        if self._capture.get(cv2.CAP_PROP_FRAME_COUNT) > 0:
            return None  # a finished clip on a web server, not a camera
        raise SourceError(
            f"{self._where}: the stream ended, or gave no frame for {self._options.read_timeout_s:g} s",
            hint="look at the camera and the network between",
        )

    def _release(self) -> None:
        if self._capture is not None:
            self._capture.release()
            self._capture = None

    def _address(self) -> str:
        options = self._options
        if options.username is None or options.password_file is None:
            return self._uri.target
        return with_credentials(self._uri.target, options.username, _password(Path(options.password_file)))

    def _timeouts(self) -> tuple[int, ...]:
        return (
            cv2.CAP_PROP_OPEN_TIMEOUT_MSEC,
            round(self._options.open_timeout_s * 1000),
            cv2.CAP_PROP_READ_TIMEOUT_MSEC,
            round(self._options.read_timeout_s * 1000),
        )

    def _ffmpeg_options(self) -> dict[str, str]:
        chosen = {"protocol_whitelist": PROTOCOLS[self._uri.scheme]}
        if self._uri.scheme.startswith("rtsp"):
            transport = self._options.transport if isinstance(self._options, RtspOptions) else "tcp"
            chosen["rtsp_transport"] = transport
        if isinstance(self._options, TlsOptions):
            chosen["tls_verify"] = str(int(self._options.verify))
            if self._options.verify:
                host = urlsplit(self._uri.target).hostname or ""
                chosen |= {"ca_file": _authorities(self._options), "verifyhost": host}
        return chosen

    def _diagnose(self) -> tuple[str, str]:
        """What hinders, and what to do: FFmpeg keeps its reason to itself."""
        parts = urlsplit(self._uri.target)
        host, port = parts.hostname or "", parts.port or PORTS[self._uri.scheme]
        try:
            socket.create_connection((host, port), self._options.open_timeout_s).close()
        except TimeoutError:
            return f"{host} does not answer at port {port}", "look at the address, the network and firewalls"
        except OSError as error:
            return (
                f"cannot reach {host} at port {port}: {error.strerror or error}",
                "look at the address, and whether the camera is on",
            )
        trust = ", the certificate (`#ca_file=…`)" if isinstance(self._options, TlsOptions) else ""
        waited_s = self._options.open_timeout_s
        return (
            f"{host} answers at port {port}, but gives no video (waited up to {waited_s:g} s)",
            f"look at the path, user name and password{trust}; FFmpeg's own line above may tell more",
        )


def _authorities(options: TlsOptions) -> str:
    """The file of certificates that may vouch for a server."""
    if options.ca_file is not None:
        Path(options.ca_file).open("rb").close()  # FFmpeg would not say what is wrong with it
        return options.ca_file
    # OpenSSL's own default is a folder on Debian, and FFmpeg takes files only.
    found = [name for name in (ssl.get_default_verify_paths().cafile, *CERTIFICATES) if name]
    for name in found:
        if Path(name).is_file():
            return name
    raise SourceError(
        f"there are no certificates of authorities on this machine ({', '.join(found)})",
        hint="install the package ca-certificates, or name a file: `#ca_file=…`",
    )


def _password(path: Path) -> str:
    with path.open("rb") as stream:
        data = stream.read(MAX_PASSWORD_BYTES + 1)
    try:
        text = data.decode("utf-8").rstrip("\r\n")
    except UnicodeDecodeError as error:
        raise SourceError(f"{path}: the password is not UTF-8 text") from error
    if not text or len(data) > MAX_PASSWORD_BYTES or "\n" in text:
        raise SourceError(f"{path}: must hold one line, the password, of {MAX_PASSWORD_BYTES} bytes at most")
    return text


def create(uri: SourceUri, spec: InputSpec, clock: Clock) -> StreamSource:
    """The source of an `rtsp:`, `rtsps:`, `http:` or `https:` URI."""
    options = uri.options_as(NetworkOptions)
    if (options.username is None) != (options.password_file is None):
        raise SettingsError(f"{uri.redacted}: username and password_file go together")
    return StreamSource(uri, options, clock)
