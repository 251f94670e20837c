"""A camera at a Video4Linux device."""

from __future__ import annotations

import getpass
import logging
import os
from pathlib import Path

from edgeinfer.errors import SourceError
from edgeinfer.frames import Frame
from edgeinfer.opencv import cv2
from edgeinfer.processing.spec import InputSpec
from edgeinfer.sources.base import FrameSource
from edgeinfer.sources.clock import Clock
from edgeinfer.sources.opencv import Capture, Opener, open_capture, read_capture
from edgeinfer.sources.options import CameraOptions
from edgeinfer.sources.uri import SourceUri

logger = logging.getLogger(__name__)

DEVICES = Path("/dev")


class CameraSource(FrameSource):
    """The newest frames of a camera; each is stamped when it left the driver, before it is decoded."""

    live = True

    def __init__(
        self, device: Path, options: CameraOptions, clock: Clock, *, opener: Opener = open_capture
    ) -> None:
        super().__init__(str(device), clock)
        self._device = device
        self._options = options
        self._opener = opener
        self._capture: Capture | None = None

    def _open(self) -> None:
        check_device(self._device)
        self._capture = self._opener(str(self._device), cv2.CAP_V4L2, ())
        if self._capture is None:
            raise SourceError(
                f"{self._device}: cannot be opened as a camera",
                hint="another program may hold it (`fuser -v "
                f"{self._device}`), or it is not the capture node of its camera (`v4l2-ctl --list-devices`)",
            )
        self._ask(self._capture)

    def _ask(self, capture: Capture) -> None:
        options = self._options
        # The pixel format first: which sizes and rates there are depends on it.
        wishes = (
            ("fourcc", cv2.CAP_PROP_FOURCC, _code(options.fourcc) if options.fourcc else None),
            ("width", cv2.CAP_PROP_FRAME_WIDTH, options.width),
            ("height", cv2.CAP_PROP_FRAME_HEIGHT, options.height),
            ("fps", cv2.CAP_PROP_FPS, options.fps),
        )
        for _, key, value in wishes:
            if value is not None:
                capture.set(key, value)
        for name, key, value in wishes:
            given = capture.get(key)
            if value is not None and round(given, 2) != round(value, 2):
                wanted, got = (_letters(value), _letters(given)) if name == "fourcc" else (value, given)
                logger.warning("%s: asked for %s %s, the camera gives %s", self._device, name, wanted, got)

    def _next(self) -> Frame:
        got = read_capture(self._capture, self._clock) if self._capture else None
        if got is None:
            raise SourceError(
                f"{self._device}: the camera gives no more frames",
                hint="look at its cable and power supply, and at `dmesg`",
            )
        return self._frame(*got)

    def _release(self) -> None:
        if self._capture is not None:
            self._capture.release()
            self._capture = None


def check_device(device: Path, *, devices: Path = DEVICES) -> None:
    """Say what hinders a camera better than OpenCV, which says nothing. Raises SourceError."""
    if not device.exists():
        there = ", ".join(str(one) for one in sorted(devices.glob("video*")))
        raise SourceError(
            f"{device}: there is no such camera",
            hint=f"there are {there}" if there else f"there is no camera on this machine ({devices}/video*)",
        )
    if not device.is_char_device():
        raise SourceError(f"{device}: this is not a camera", hint=f"a video file is file://{device}")
    if not os.access(device, os.R_OK | os.W_OK):
        raise SourceError(
            f"{device}: you may not use this camera",
            hint=f"put the user into the group video and log in again: sudo usermod -aG video {_user()}",
        )


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a user without a name, as in some containers: KeyError up to Python 3.12
        return "USER"


def _code(letters: str) -> int:
    return cv2.VideoWriter.fourcc(*letters)


def _letters(code: float) -> str:
    return int(code).to_bytes(4, "little", signed=False).decode("ascii", "replace") if code >= 0 else "none"


def create(uri: SourceUri, spec: InputSpec, clock: Clock) -> CameraSource:
    """The source of a `v4l2:` URI."""
    return CameraSource(Path(uri.target), uri.options_as(CameraOptions), clock)
