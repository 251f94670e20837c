"""FFmpeg inside OpenCV: which protocols it may open, and its other options.

OpenCV takes them from one environment variable at the moment of opening, so they hold for the whole
process: captures open side by side only where they need the same ones.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from threading import Condition

from edgeinfer.errors import SourceError
from edgeinfer.opencv import cv2
from edgeinfer.sources.opencv import Capture, open_capture

VARIABLE = "OPENCV_FFMPEG_CAPTURE_OPTIONS"
GATE_TIMEOUT_S = 60.0
_SEPARATORS = (";", "|")


class OptionsGate:
    """Sets the options for as long as captures are being opened with them.

    The variable is written only when it changes, and left as it is afterwards: another thread's `getenv`
    does not bear a `setenv` beside it in older C libraries.
    """

    def __init__(self) -> None:
        self._changed = Condition()
        self._users = 0
        # What the administrator sets comes after ours, and so wins.
        self._inherited = os.environ.get(VARIABLE, "")

    @contextmanager
    def holding(self, options: Mapping[str, str], timeout_s: float) -> Iterator[None]:
        """Run the block with these options. Raises SourceError when others are in use for too long."""
        text = self._text(options)
        with self._changed:
            free = self._changed.wait_for(
                lambda: self._users == 0 or os.environ.get(VARIABLE) == text, timeout_s
            )
            if not free:
                raise SourceError(
                    f"another source has been opening for more than {timeout_s:.0f} s; this one cannot",
                    hint="look at the other sources; a hung one is gone after a restart",
                )
            if os.environ.get(VARIABLE) != text:
                os.environ[VARIABLE] = text
            self._users += 1
        try:
            yield
        finally:
            with self._changed:
                self._users -= 1
                self._changed.notify_all()

    def _text(self, options: Mapping[str, str]) -> str:
        bad = [name for name, value in options.items() if any(mark in value for mark in _SEPARATORS)]
        if bad:
            raise SourceError(f"`{_SEPARATORS[0]}` and `{_SEPARATORS[1]}` may not stand in {', '.join(bad)}")
        ours = "|".join(f"{name};{value}" for name, value in options.items())
        return f"{ours}|{self._inherited}" if self._inherited else ours


_GATE = OptionsGate()  # one for the process, as is the variable


def open_ffmpeg(
    name: str, options: Mapping[str, str], parameters: Sequence[int] = (), *, gate: OptionsGate = _GATE
) -> Capture | None:
    """A capture of a file or URL, or None. `parameters` are pairs of OpenCV's property and value."""
    with gate.holding(options, GATE_TIMEOUT_S):
        return open_capture(name, cv2.CAP_FFMPEG, parameters)
