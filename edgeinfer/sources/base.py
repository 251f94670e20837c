"""What all sources do alike: open and close once, number the frames, stamp them, translate errors."""

from __future__ import annotations

from abc import ABC, abstractmethod
from threading import Event, Lock
from types import TracebackType
from typing import TypeVar

from edgeinfer.errors import SourceError
from edgeinfer.frames import Array, Frame
from edgeinfer.sources.clock import Clock, Moment

Self = TypeVar("Self", bound="FrameSource")


class FrameSource(ABC):
    """A source but for three methods: `_open`, `_next` and `_release`.

    `close` may be called by any thread and as often as one likes. It ends the waits of `read`; a `read`
    that is inside a native call is left alone, because OpenCV crashes when a capture is released under a
    reader: whatever is held is then released by that reader, should it ever return.
    """

    live = False

    def __init__(self, where: str, clock: Clock) -> None:
        self._where = where
        self._clock = clock
        self._closing = Event()
        self._busy = Lock()
        self._opened = False
        self._sequence = 0

    def __enter__(self: Self) -> Self:
        """Open. Raises SourceError; nothing stays open then."""
        if self._opened or self._closing.is_set():
            raise SourceError(f"{self._where}: a source can be opened only once")
        self._opened = True
        try:
            self._open()
        except BaseException as error:
            self.close()
            if isinstance(error, OSError):
                raise self._failed(error) from error
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def read(self) -> Frame | None:
        """The next frame, or None at the end and after `close`. Blocks. Raises SourceError."""
        if not self._opened:
            raise SourceError(f"{self._where}: the source has not been opened")
        try:
            with self._busy:
                return None if self._closing.is_set() else self._next()
        except OSError as error:
            raise self._failed(error) from error
        finally:
            if self._closing.is_set():
                self._release_if_idle()

    def close(self) -> None:
        """Let go of everything; `read` gives None from now on."""
        self._closing.set()
        self._release_if_idle()

    def _release_if_idle(self) -> None:
        if self._busy.acquire(blocking=False):
            try:
                if self._opened:
                    self._release()
            finally:
                self._busy.release()

    def _frame(self, data: Array, moment: Moment, name: str = "") -> Frame:
        frame = Frame(data, self._sequence, moment.at, moment.s, name)
        self._sequence += 1
        return frame

    def _failed(self, error: OSError) -> SourceError:
        name = f"{error.filename}: " if error.filename and str(error.filename) != self._where else ""
        return SourceError(f"{self._where}: {name}{error.strerror or error}")

    @abstractmethod
    def _open(self) -> None:
        """Take hold of the device or file. Raises SourceError or OSError."""

    @abstractmethod
    def _next(self) -> Frame | None:
        """The next frame, or None at the end. Raises SourceError or OSError."""

    @abstractmethod
    def _release(self) -> None:
        """Let go; called with no reader inside, maybe more than once, maybe after a failed `_open`."""
