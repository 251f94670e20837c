"""The URI of a source, parsed and checked once.

    file:///clip.mp4?loop=1     of this machine: path, then options after `?`
    rtsp://camera/stream?a=b    of the network: all of it is the server's, but for `#`
                #transport=udp  and what follows, the options, which never leave this machine
    clip.mp4                    shorthand: a file or folder that is there

What a URI holds of user names and passwords shows neither in `repr` nor in any error: `redacted` is
the form for people.
"""

from __future__ import annotations

import difflib
import re
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar
from urllib.parse import SplitResult, parse_qsl, quote, unquote, urlsplit

from edgeinfer.errors import SettingsError
from edgeinfer.sources.options import OPTIONS, Options
from edgeinfer.strict import convert_text

STDIN = "-"
NETWORK_SCHEMES = ("http", "https", "rtsp", "rtsps")
STDIN_SCHEMES = ("csv", "jsonl")
IMAGE_SUFFIXES = (".bmp", ".jpeg", ".jpg", ".pgm", ".png", ".ppm", ".tif", ".tiff", ".webp")
MAX_URI_LENGTH = 4096
MAX_OPTIONS = 32

T = TypeVar("T")
_SCHEME = re.compile(r"(?P<name>[A-Za-z][A-Za-z0-9+.-]*):")
_UNPRINTABLE = re.compile(r"[\x00-\x1f\x7f]")
_VALUE = re.compile(r"=[^&;/]*")
_SUFFIXES = {
    ".csv": "csv",
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".npz": "npz",
    **dict.fromkeys(IMAGE_SUFFIXES, "images"),
}


@dataclass(frozen=True, repr=False)
class SourceUri:
    """`target` is an absolute path, `-` for standard input, or a URL of the network with its secrets."""

    scheme: str
    target: str
    options: Options

    def options_as(self, kind: type[T]) -> T:
        """The options as the type that this scheme has."""
        if not isinstance(self.options, kind):
            raise TypeError(f"{self.scheme}: has {type(self.options).__name__}, not {kind.__name__}")
        return self.options

    @property
    def redacted(self) -> str:
        """The URI without its options, and without anything that may be secret."""
        if self.scheme not in NETWORK_SCHEMES:
            return f"{self.scheme}:{'//' if self.target.startswith('/') else ''}{self.target}"
        parts = urlsplit(self.target)
        user = "***@" if "@" in parts.netloc else ""
        query = f"?{_hide_values(parts.query)}" if parts.query else ""
        return f"{self.scheme}://{user}{parts.netloc.rpartition('@')[2]}{_hide_values(parts.path)}{query}"

    def __repr__(self) -> str:
        return f"SourceUri({self.redacted})"


def parse_uri(text: str) -> SourceUri:
    """Parse a URI, or the path of something that exists. Raises SettingsError that shows no secret."""
    if len(text) > MAX_URI_LENGTH or _UNPRINTABLE.search(text):
        raise SettingsError(
            "a source may have no control characters or line ends, "
            f"and {MAX_URI_LENGTH} characters at most: one has"
        )
    found = _SCHEME.match(text)
    scheme = found["name"].lower() if found else ""
    if scheme in NETWORK_SCHEMES:
        return _parse_network(scheme, text)
    if scheme in OPTIONS:
        return _parse_local(scheme, text)
    return _parse_shorthand(text, scheme)


def _parse_network(scheme: str, text: str) -> SourceUri:
    where = f"{scheme} source"
    parts = _split(where, text)
    _check_server(where, parts, text)
    options = _options(where, scheme, parts.fragment)
    return SourceUri(scheme, parts._replace(fragment="").geturl(), options)


def _check_server(where: str, parts: SplitResult, text: str) -> None:
    # A `/`, `?` or `#` inside a password moves the rest of it, `@` included, out of the server's part.
    hint = "write special characters of a user name or password as %XX: `#` is %23, `/` %2F, `@` %40"
    if " " in text or "\\" in text:
        raise SettingsError(f"{where}: a blank or backslash must be written as %20 or %5C")
    if "@" not in parts.netloc and "@" in parts.path + parts.query + parts.fragment:
        raise SettingsError(f"{where}: there is an `@` behind the server's part", hint=hint)
    if parts.netloc.count("@") > 1 or "@" in parts.fragment:
        raise SettingsError(f"{where}: there is more than one `@`", hint=hint)
    if not parts.hostname:
        raise SettingsError(f"{where}: the server's name is missing", hint=f"{parts.scheme}://SERVER/PATH")
    try:
        port = parts.port
    except ValueError:
        port = 0
    if port == 0:
        raise SettingsError(f"{where}: the port is not a number from 1 to 65535", hint=hint)


def _parse_local(scheme: str, text: str) -> SourceUri:
    parts = _split(text, text)
    if parts.fragment:
        raise SettingsError(f"{text}: a `#` in a path must be written %23; options follow a `?`")
    if parts.netloc not in ("", "localhost"):
        raise SettingsError(
            f"{text}: `{parts.netloc}` stands where a server's name would",
            hint=f"the path of this machine comes after three slashes: {scheme}:///{parts.netloc}{parts.path}",
        )
    options = _options(text, scheme, parts.query)
    return SourceUri(scheme, _target(scheme, unquote(parts.path), text), options)


def _target(scheme: str, path: str, text: str) -> str:
    if scheme == "synthetic":
        if path:
            raise SettingsError(f"{text}: a synthetic source has no path")
        return ""
    if path == STDIN and scheme in STDIN_SCHEMES:
        return STDIN
    if not path or _UNPRINTABLE.search(path):
        raise SettingsError(f"{text}: the path is missing or holds control characters")
    return str(Path(path).absolute())


def _parse_shorthand(text: str, scheme: str) -> SourceUri:
    if text == STDIN:
        return _parse_local("jsonl", f"jsonl:{STDIN}")
    path, _, query = (text, "", "") if Path(text).exists() else text.rpartition("?")
    if path and Path(path).exists():
        implied = _implied_scheme(Path(path))
        return SourceUri(implied, str(Path(path).absolute()), _options(path, implied, query))
    if "://" in text or "@" in text:
        # It may be meant for the network, and hold a password.
        near = difflib.get_close_matches(scheme, OPTIONS, n=1)
        shown = f"there is no kind of source `{scheme}`" if scheme else "this is not a source"
        raise SettingsError(shown + (f"; did you mean `{near[0]}`?" if near else ""), hint=_KNOWN)
    near = difflib.get_close_matches(scheme, OPTIONS, n=1) if scheme else []
    likely = f"; did you mean `{near[0]}:`?" if near else ""
    raise SettingsError(
        f"{text}: neither a source's URI nor a file or folder that is there{likely}", hint=_KNOWN
    )


def _implied_scheme(path: Path) -> str:
    if path.is_dir():
        return "images"
    if path.is_char_device():
        return "v4l2"
    return _SUFFIXES.get(path.suffix.lower(), "file")


def _split(where: str, text: str) -> SplitResult:
    try:
        return urlsplit(text)
    except ValueError as error:
        # urllib's own words would repeat the server's part, password included.
        raise SettingsError(f"{where}: not a valid URI; an IPv6 address stands in [ ]") from error


def _options(where: str, scheme: str, query: str) -> Options:
    try:
        pairs = parse_qsl(
            query, keep_blank_values=True, strict_parsing=bool(query), max_num_fields=MAX_OPTIONS
        )
    except ValueError as error:
        raise SettingsError(f"{where}: options are written name=value, with `&` between them") from error
    twice = sorted({name for name, _ in pairs if sum(name == other for other, _ in pairs) > 1})
    if twice:
        raise SettingsError(f"{where}: option given more than once: {', '.join(twice)}")
    return convert_text(dict(pairs), OPTIONS[scheme], where)


def _hide_values(text: str) -> str:
    return _VALUE.sub("=***", text)


def with_credentials(url: str, username: str, password: str) -> str:
    """The URL with this user name and password in place of those it has."""
    parts = urlsplit(url)
    user = f"{quote(username, safe='')}:{quote(password, safe='')}@"
    return parts._replace(netloc=user + parts.netloc.rpartition("@")[2]).geturl()


_KNOWN = f"kinds of source: {', '.join(OPTIONS)}; docs/sources.md describes them"
