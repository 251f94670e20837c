"""What the sources use of OpenCV: captures and the decoding of images."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from edgeinfer.errors import SourceError
from edgeinfer.opencv import cv2
from edgeinfer.sources.clock import Clock, Moment

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
