"""The one-frame mailbox between a capture thread and an inference thread."""

from __future__ import annotations

import threading

from edgeinfer.frames import Frame


class Mailbox:
    """Holds one frame at most. For a camera the newest frame wins; a file waits until its frame is taken.

    Once closed it takes no more frames; the one that lies there can still be taken.
    """

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._frame: Frame | None = None
        self._closed = False
        self._replaced = 0

    @property
    def replaced(self) -> int:
        """How many frames were replaced by a newer one before anyone took them."""
        return self._replaced

    def put_newest(self, frame: Frame) -> bool:
        """Put a frame in at once, in place of the one that lies there. False when closed."""
        with self._changed:
            if self._closed:
                return False
            self._replaced += self._frame is not None
            self._frame = frame
            self._changed.notify_all()
            return True

    def put_in_turn(self, frame: Frame) -> bool:
        """Wait until the frame before is taken, then put this one in. False when closed meanwhile."""
        with self._changed:
            self._changed.wait_for(lambda: self._frame is None or self._closed)
            if self._closed:
                return False
            self._frame = frame
            self._changed.notify_all()
            return True

    def take(self) -> Frame | None:
        """Wait for a frame and take it out; None when the mailbox is closed and empty."""
        with self._changed:
            self._changed.wait_for(lambda: self._frame is not None or self._closed)
            frame, self._frame = self._frame, None
            self._changed.notify_all()
            return frame

    def close(self) -> None:
        """Take no more frames, and wake whoever waits."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()
