"""Sources of frames behind one seam: a URI names one, `Source` is all that the rest sees."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from types import TracebackType
from typing import Protocol, cast

from edgeinfer.errors import SettingsError
from edgeinfer.frames import Frame
from edgeinfer.processing.spec import ImageInput, InputSpec, TensorInput, WindowInput
from edgeinfer.sources.clock import Clock, SystemClock
from edgeinfer.sources.uri import SourceUri, parse_uri


class Source(Protocol):
    """Something that gives frames. Opened by `with`; read by one thread."""

    @property
    def live(self) -> bool:
        """True where frames come whether or not they are read (cameras): the newest wins."""

    def read(self) -> Frame | None:
        """The next frame, or None at the end. Blocks. Raises SourceError."""

    def __enter__(self) -> Source: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...


Factory = Callable[[SourceUri, InputSpec, Clock], Source]

SOURCES: dict[str, str] = {
    "csv": "edgeinfer.sources.table",
    "file": "edgeinfer.sources.video",
    "http": "edgeinfer.sources.stream",
    "https": "edgeinfer.sources.stream",
    "images": "edgeinfer.sources.images",
    "jsonl": "edgeinfer.sources.jsonl",
    "npz": "edgeinfer.sources.arrays",
    "rtsp": "edgeinfer.sources.stream",
    "rtsps": "edgeinfer.sources.stream",
    "synthetic": "edgeinfer.sources.synthetic",
    "v4l2": "edgeinfer.sources.camera",
}
"""The module of each scheme, imported when it is asked for: a sensor device has no OpenCV."""

KINDS: dict[type[InputSpec], tuple[str, tuple[str, ...]]] = {
    ImageInput: ("images", ("file", "http", "https", "images", "rtsp", "rtsps", "synthetic", "v4l2")),
    TensorInput: ("arrays", ("npz",)),
    WindowInput: ("windows of sensor rows", ("csv", "jsonl", "synthetic")),
}
"""What each kind of input takes, and the schemes that give it."""


def open_source(uri: str, spec: InputSpec, *, clock: Clock | None = None) -> Source:
    """The source that a URI or path names, for a model with this input; `with` opens it.

    Raises SettingsError if the URI is wrong or the source does not go with the input, and
    MissingRuntimeError without OpenCV where it is needed.
    """
    parsed = parse_uri(uri)
    what, schemes = KINDS[type(spec)]
    if parsed.scheme not in schemes:
        raise SettingsError(
            f"{parsed.redacted}: the model takes {what}, which a `{parsed.scheme}` source does not give",
            hint=f"sources for it: {', '.join(schemes)}; docs/sources.md describes them",
        )
    module = import_module(SOURCES[parsed.scheme])
    return cast(Factory, module.create)(parsed, spec, clock or SystemClock())
