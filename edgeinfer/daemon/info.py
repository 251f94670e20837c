"""The info document: what runs on this device, published once and retained."""

from __future__ import annotations

import platform
from collections.abc import Mapping
from datetime import datetime
from typing import Literal

from edgeinfer import __version__
from edgeinfer.processing.results import timestamp
from edgeinfer.strict import Struct, encode_json


class StreamInfo(Struct, frozen=True):
    """A stream and its bundle. `bundle_sha256` is that of the `.eib` file, `signed_by` the key's."""

    name: str
    source: str
    model: str
    task: str
    profile: str
    format: str
    precision: str
    bundle_sha256: str
    signed_by: str


class InfoDocument(Struct, frozen=True):
    """`started_at` is UTC; `runtimes` gives the version of each installed inference runtime."""

    schema: Literal[1]
    device: str
    edgeinfer: str
    python: str
    architecture: str
    board: str
    runtimes: dict[str, str]
    started_at: str
    streams: tuple[StreamInfo, ...]


def info_document(
    device: str,
    streams: tuple[StreamInfo, ...],
    started_at: datetime,
    *,
    board: str = "",
    runtimes: Mapping[str, str] | None = None,
) -> bytes:
    """The document as JSON."""
    return encode_json(
        InfoDocument(
            schema=1,
            device=device,
            edgeinfer=__version__,
            python=platform.python_version(),
            architecture=platform.machine(),
            board=board,
            runtimes=dict(runtimes or {}),
            started_at=timestamp(started_at),
            streams=streams,
        )
    )
