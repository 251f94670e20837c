"""Sources of frames behind one seam: a URI names one, `Source` is all that the rest sees."""

from __future__ import annotations

from types import TracebackType
from typing import Protocol

from edgeinfer.frames import Frame


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
