"""A video file, at the speed of its reader or at its own."""

from __future__ import annotations

import logging
import math
from pathlib import Path

from edgeinfer.errors import SourceError
from edgeinfer.frames import Frame
from edgeinfer.opencv import cv2
from edgeinfer.processing.spec import InputSpec
from edgeinfer.sources.base import FrameSource
from edgeinfer.sources.clock import Clock, Pace
from edgeinfer.sources.ffmpeg import open_ffmpeg
from edgeinfer.sources.opencv import Capture, read_capture
from edgeinfer.sources.options import VideoOptions
from edgeinfer.sources.uri import SourceUri

logger = logging.getLogger(__name__)

FALLBACK_FPS = 25.0
# A playlist inside the file may name other files or servers: only what was asked for is opened. A frame
# that the end of the file cuts in two is dropped instead of being shown half gray.
FFMPEG_OPTIONS = {"protocol_whitelist": "file", "fflags": "discardcorrupt"}
# Containers without an index only estimate their number of frames.
COUNT_TOLERANCE = 0.02


class VideoSource(FrameSource):
    """The frames of a video file, turned upright as its rotation mark says."""

    def __init__(self, path: Path, options: VideoOptions, clock: Clock) -> None:
        super().__init__(str(path), clock)
        self.live = options.realtime
        self._path = path
        self._options = options
        self._capture: Capture | None = None
        self._pace: Pace | None = None
        self._frames_of_pass = 0

    def _open(self) -> None:
        _check_file(self._path)
        self._rewind()
        if self._options.realtime:
            self._pace = Pace(self._clock, self._fps(), self._closing)

    def _next(self) -> Frame | None:
        while self._capture is not None:
            got = read_capture(self._capture, self._clock)
            if got is not None:
                self._frames_of_pass += 1
                return self._paced(got[0])
            self._check_count(self._capture)
            if not self._options.loop:
                return None
            self._rewind()
        return None

    def _paced(self, image: cv2.typing.MatLike) -> Frame | None:
        if self._pace:
            self._pace.keep()
            if self._closing.is_set():
                return None
        return self._frame(image, self._clock.moment())

    def _rewind(self) -> None:
        # Opened anew, because seeking to the first frame is not exact in every container.
        self._release()
        self._frames_of_pass = 0
        self._capture = open_ffmpeg(str(self._path), FFMPEG_OPTIONS)
        if self._capture is None:
            raise SourceError(
                f"{self._path}: this is not a video that can be read, or its end is missing",
                hint="play it or look at it with ffprobe; an .mp4 cut off while it was written has no index",
            )

    def _check_count(self, capture: Capture) -> None:
        count = capture.get(cv2.CAP_PROP_FRAME_COUNT)
        if self._frames_of_pass == 0:
            raise SourceError(f"{self._path}: no frame of this video can be decoded")
        if self._frames_of_pass < count * (1 - COUNT_TOLERANCE) - 1:
            logger.warning(
                "%s: ended after %d of %.0f frames: the file is damaged or cut off",
                self._path,
                self._frames_of_pass,
                count,
            )

    def _fps(self) -> float:
        fps = self._capture.get(cv2.CAP_PROP_FPS) if self._capture else 0.0
        if math.isfinite(fps) and 0.0 < fps <= 1000.0:
            return fps
        logger.warning("%s: tells no frame rate; %.0f per second are assumed", self._path, FALLBACK_FPS)
        return FALLBACK_FPS

    def _release(self) -> None:
        if self._capture is not None:
            self._capture.release()
            self._capture = None


def _check_file(path: Path) -> None:
    if path.is_dir():
        raise SourceError(f"{path}: this is a folder", hint=f"for the images in it: images://{path}")
    # FFmpeg says no more than that it failed; the operating system says why.
    with path.open("rb") as stream:
        if not stream.read(1):
            raise SourceError(f"{path}: the file is empty")


def create(uri: SourceUri, spec: InputSpec, clock: Clock) -> VideoSource:
    """The source of a `file:` URI."""
    return VideoSource(Path(uri.target), uri.options_as(VideoOptions), clock)
