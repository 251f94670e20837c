"""A video: frames taken from it at even distances."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from pathlib import Path

from edgeinfer.errors import DataError
from edgeinfer.opencv import cv2
from edgeinfer.processing.spec import ImageInput
from edgeinfer_converters.samples.prepared import FramePreparer
from edgeinfer_converters.samples.sample import Request, Sample

MAX_FRAMES = 512


class VideoFrames:
    """A sample source over evenly spaced frames of a video. It has no labels."""

    labelled = False

    def __init__(self, path: Path, preparer: FramePreparer) -> None:
        """Decodes the video once to count its frames: containers are often wrong about them."""
        self._path = path
        self._preparer = preparer
        with _opened(path) as capture:
            total = 0
            while capture.grab():
                total += 1
        if total == 0:
            raise DataError(f"{path}: no frame can be decoded from it")
        count = min(total, MAX_FRAMES)
        self._numbers = tuple(k * total // count for k in range(count))

    def files(self, chosen: Sequence[int]) -> tuple[Path, ...]:
        """The video."""
        return (self._path,)

    def __len__(self) -> int:
        return len(self._numbers)

    def read(self, chosen: Sequence[int]) -> Iterator[Sample]:
        """The samples at these positions. Frames are read in order: seeking is inexact in many codecs."""
        position = 0
        with _opened(self._path) as capture:
            for number in (self._numbers[k] for k in chosen):
                while position <= number and capture.grab():
                    position += 1
                good, frame = capture.retrieve()
                if position <= number or not good:
                    raise DataError(f"{self._path}: frame {number} cannot be decoded")
                yield self._preparer.prepare(f"{self._path}, frame {number}", frame, None)


def open_source(path: Path, request: Request) -> VideoFrames:
    """Open a video. Raises DataError."""
    return VideoFrames(path, FramePreparer(request, ImageInput, str(path)))


@contextlib.contextmanager
def _opened(path: Path) -> Iterator[cv2.VideoCapture]:
    capture = cv2.VideoCapture(str(path))
    try:
        if not capture.isOpened():
            raise DataError(f"{path}: not a video that OpenCV can read")
        yield capture
    finally:
        capture.release()
