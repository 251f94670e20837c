"""Images of a folder, or a single one; those that are there, and those that come."""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Iterator
from pathlib import Path

from edgeinfer.errors import SourceError
from edgeinfer.frames import Frame
from edgeinfer.processing.spec import InputSpec
from edgeinfer.sources.base import FrameSource
from edgeinfer.sources.clock import Clock
from edgeinfer.sources.opencv import Image, decode_image
from edgeinfer.sources.options import ImageOptions
from edgeinfer.sources.uri import IMAGE_SUFFIXES, SourceUri

logger = logging.getLogger(__name__)

MAX_IMAGE_BYTES = 64 * 1024 * 1024
MAX_NAMED_FILES = 5

Stamp = tuple[int, int]
"""Size in bytes and time of change in nanoseconds: both stand still once a file is written."""


class ImagesSource(FrameSource):
    """In the order of their names. Unreadable ones are named, counted and left out.

    Without `watch` more than a tenth of them is an error. With it they are only counted: the folder has
    no end to take a tenth of, and one bad file must not stop what comes after it.
    """

    def __init__(self, path: Path, options: ImageOptions, clock: Clock) -> None:
        super().__init__(str(path), clock)
        self._path = path
        self._options = options
        self._queue: deque[Path] = deque()
        self._total = 0
        self._before: dict[Path, Stamp] = {}
        self._done: dict[Path, Stamp] = {}
        self._named: list[str] = []
        self.skipped = 0

    def _open(self) -> None:
        self._path.stat()  # says why, where there is nothing to read
        if self._options.watch:
            return
        self._queue.extend(self._files())
        self._total = len(self._queue)
        if not self._queue:
            raise SourceError(
                f"{self._path}: there are no images in this folder",
                hint=f"images end in {', '.join(IMAGE_SUFFIXES)}; `recursive=1` reads subfolders too",
            )

    def _next(self) -> Frame | None:
        while not self._closing.is_set():
            if not self._queue:
                if not self._options.watch:
                    return None
                self._poll()
                continue
            path = self._queue.popleft()
            image = self._load(path)
            if image is not None:
                return self._frame(image, self._clock.moment(), self._name(path))
            self._check_skipped()
        return None

    def _poll(self) -> None:
        """Queue the files that stood still since the last look: they are written to their end."""
        now = {path: stamp for path in self._files() if (stamp := _stamp(path)) is not None}
        ready = [
            path for path, stamp in now.items() if stamp == self._before.get(path) != self._done.get(path)
        ]
        self._done = {path: stamp for path, stamp in self._done.items() if path in now}
        self._done.update((path, now[path]) for path in ready)
        self._before = now
        self._queue.extend(ready)
        if not ready:
            self._clock.wait(self._options.poll_s, self._closing)

    def _files(self) -> list[Path]:
        return sorted(self._walk(), key=self._name)

    def _walk(self) -> Iterator[Path]:
        if not self._path.is_dir():
            yield self._path
            return
        for path in self._path.rglob("*") if self._options.recursive else self._path.iterdir():
            # A name with a dot in front is one that a program has not finished with.
            if path.suffix.lower() in IMAGE_SUFFIXES and not path.name.startswith(".") and path.is_file():
                yield path

    def _name(self, path: Path) -> str:
        return path.relative_to(self._path).as_posix() if path != self._path else path.name

    def _load(self, path: Path) -> Image | None:
        try:
            return _read_image(path)
        except _UnreadableImageError as error:
            self._skip(path, error)
            return None

    def _skip(self, path: Path, reason: _UnreadableImageError) -> None:
        logger.warning("%s: %s; it is left out", path, reason)
        self.skipped += 1
        if len(self._named) < MAX_NAMED_FILES:
            self._named.append(self._name(path))

    def _check_skipped(self) -> None:
        if self._options.watch or self.skipped * 10 <= self._total:
            return
        named = ", ".join(self._named) + (", …" if self.skipped > len(self._named) else "")
        raise SourceError(
            f"{self._path}: {self.skipped} of {self._total} images cannot be read: {named}",
            hint="more than a tenth is too many; take them away or mend them",
        )

    def _release(self) -> None:
        self._queue.clear()


class _UnreadableImageError(Exception):
    """Why one image is left out."""


def _read_image(path: Path) -> Image:
    try:
        with path.open("rb") as stream:
            data = stream.read(MAX_IMAGE_BYTES + 1)
    except OSError as error:
        raise _UnreadableImageError(error.strerror or str(error)) from error
    if len(data) > MAX_IMAGE_BYTES:
        raise _UnreadableImageError(f"larger than {MAX_IMAGE_BYTES} bytes")
    image = decode_image(data) if data else None
    if image is None:
        raise _UnreadableImageError("cannot be decoded as an image" if data else "the file is empty")
    return image


def _stamp(path: Path) -> Stamp | None:
    try:
        state = path.stat()
    except OSError:
        return None  # it was taken away between the listing and now
    return (state.st_size, state.st_mtime_ns) if state.st_size else None


def create(uri: SourceUri, spec: InputSpec, clock: Clock) -> ImagesSource:
    """The source of an `images:` URI."""
    return ImagesSource(Path(uri.target), uri.options_as(ImageOptions), clock)
