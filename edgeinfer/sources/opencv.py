"""What the sources use of OpenCV: captures and the decoding of images."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from edgeinfer.errors import MissingRuntimeError, SourceError
from edgeinfer.sources.clock import Clock, Moment

__all__ = [
    "Capture",
    "Image",
    "Opener",
    "as_bgr",
    "cv2",  # from here and nowhere else, so that its absence and its limits are seen to first
    "decode_image",
    "open_capture",
    "read_capture",
]

MAX_IMAGE_PIXELS = 128 * 1024 * 1024
"""OpenCV's own limit is a thousand million pixels: three gigabytes for a file of a few kilobytes."""
LOG_LEVEL_ERROR = 2

# OpenCV reads its limit when it is loaded, and only from here.
os.environ.setdefault("OPENCV_IO_MAX_IMAGE_PIXELS", str(MAX_IMAGE_PIXELS))

try:
    import cv2
except ImportError as missing:
    raise MissingRuntimeError(
        "OpenCV is not installed: images, videos, cameras and streams need it",
        hint="pip install 'edgeinfer[camera]'",
    ) from missing

# Its warnings say in other words what our errors say; FFmpeg's own lines are left, they tell the reason.
# OpenCV 4.13 moved the function; Debian 13 has 4.10.
_set_log_level = getattr(cv2, "setLogLevel", None) or cv2.utils.logging.setLogLevel
_set_log_level(LOG_LEVEL_ERROR)

Image = npt.NDArray[np.uint8]


class Capture(Protocol):
    """The part of `cv2.VideoCapture` that sources use."""

    def grab(self) -> bool:
        """Take the next picture from the device or file, undecoded."""

    def retrieve(self) -> tuple[bool, Any]:
        """Decode what was grabbed into an array that is the caller's to keep."""

    def get(self, property_id: int, /) -> float:
        """A property, or a number below one where it is not known."""

    def set(self, property_id: int, value: float, /) -> bool:
        """Ask for a property."""

    def release(self) -> None:
        """Close."""


Opener = Callable[[str, int, Sequence[int]], Capture | None]


def open_capture(name: str, api: int, parameters: Sequence[int] = ()) -> Capture | None:
    """A capture by one of OpenCV's backends and no other, or None where it cannot be opened."""
    try:
        capture = cv2.VideoCapture(name, api, list(parameters))
    except cv2.error:
        return None
    return capture if capture.isOpened() else None


def read_capture(capture: Capture, clock: Clock) -> tuple[Image, Moment] | None:
    """The next picture, and when it was taken, which is before it was decoded. None: there is none."""
    try:
        if not capture.grab():
            return None
        moment = clock.moment()
        done, picture = capture.retrieve()
        return (as_bgr(picture), moment) if done else None
    except cv2.error as error:
        raise SourceError(f"OpenCV cannot decode a picture: {error.err or error}") from error


def as_bgr(picture: npt.NDArray[Any]) -> Image:
    """A picture as (height, width, 3) uint8 in BGR order. Raises SourceError for other depths than 8 bit."""
    if picture.dtype != np.uint8:
        raise SourceError(f"pictures of {picture.dtype} instead of 8 bit cannot be used")
    if picture.ndim == 2 or picture.shape[2] == 1:
        picture = cv2.cvtColor(picture, cv2.COLOR_GRAY2BGR)
    elif picture.shape[2] == 4:
        picture = cv2.cvtColor(picture, cv2.COLOR_BGRA2BGR)
    return np.ascontiguousarray(picture)


def decode_image(data: bytes) -> Image | None:
    """A JPEG, PNG or other image file, turned upright as its EXIF data says, or None if it is none."""
    try:
        picture = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
    except cv2.error:
        return None
    return None if picture is None else as_bgr(picture)
