"""The options of each kind of source, as they stand in its URI."""

from __future__ import annotations

from typing import Annotated, Literal

from edgeinfer.strict import Meta, Struct

Pixels = Annotated[int, Meta(gt=0, le=16384)]
Rate = Annotated[float, Meta(gt=0.0, le=100_000.0)]
Seconds = Annotated[float, Meta(gt=0.0, le=3600.0)]
Start = Literal["start", "end"]


class VideoOptions(Struct, frozen=True):
    """`loop`: begin again at the end. `realtime`: at the speed of the clip, as a camera would."""

    loop: bool = False
    realtime: bool = False


class CameraOptions(Struct, frozen=True):
    """What the camera is asked for; it may give something else, which is then logged."""

    width: Pixels | None = None
    height: Pixels | None = None
    fps: Rate | None = None
    fourcc: Annotated[str, Meta(pattern=r"\A[A-Za-z0-9 ]{4}\Z")] | None = None


class NetworkOptions(Struct, frozen=True):
    """Of every stream from the network. The password is the content of `password_file`."""

    open_timeout_s: Seconds = 10.0
    read_timeout_s: Seconds = 10.0
    username: str | None = None
    password_file: str | None = None


class TlsOptions(NetworkOptions, frozen=True):
    """`verify`: refuse a server whose certificate `ca_file` (default: the system's) does not vouch for."""

    verify: bool = True
    ca_file: str | None = None


class RtspOptions(NetworkOptions, frozen=True):
    """`transport` carries the pictures: `udp` loses packets, and with them parts of pictures."""

    transport: Literal["tcp", "udp"] = "tcp"


class RtspsOptions(TlsOptions, frozen=True):
    """RTSP inside TLS, which is TCP."""


class ImageOptions(Struct, frozen=True):
    """`watch`: after the images that are there, wait for more. `recursive`: subfolders too."""

    watch: bool = False
    recursive: bool = False
    poll_s: Seconds = 0.5


class RowOptions(Struct, frozen=True):
    """Of sensor rows. `bad`: what to do with a row that lacks a number: stop, or leave it out."""

    follow: bool = False
    start: Start = "start"
    bad: Literal["error", "skip"] = "error"
    rate_hz: Rate | None = None
    poll_s: Seconds = 0.2


class CsvOptions(RowOptions, frozen=True):
    """`delimiter` by its name, because most of them mean something else in a URI."""

    delimiter: Literal["comma", "semicolon", "tab", "space"] = "comma"


class ArrayOptions(Struct, frozen=True):
    """`loop`: begin again at the end."""

    loop: bool = False


class SyntheticOptions(Struct, frozen=True):
    """`frames`: how many, 0 for no end. `width` and `height` are for images only."""

    width: Pixels | None = None
    height: Pixels | None = None
    fps: Rate = 30.0
    frames: Annotated[int, Meta(ge=0)] = 0
    seed: Annotated[int, Meta(ge=0)] = 0
    realtime: bool = False


Options = (
    VideoOptions
    | CameraOptions
    | NetworkOptions
    | ImageOptions
    | RowOptions
    | ArrayOptions
    | SyntheticOptions
)

OPTIONS: dict[str, type[Options]] = {
    "csv": CsvOptions,
    "file": VideoOptions,
    "http": NetworkOptions,
    "https": TlsOptions,
    "images": ImageOptions,
    "jsonl": RowOptions,
    "npz": ArrayOptions,
    "rtsp": RtspOptions,
    "rtsps": RtspsOptions,
    "synthetic": SyntheticOptions,
    "v4l2": CameraOptions,
}
"""The options of each scheme."""
