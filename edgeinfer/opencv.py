"""OpenCV, loaded in one place: with its limits set, quiet, and with a clear error where it is missing.

Modules take it from here: `from edgeinfer.opencv import cv2`.
"""

from __future__ import annotations

import os

from edgeinfer.errors import MissingRuntimeError

__all__ = ["MAX_IMAGE_PIXELS", "cv2"]

MAX_IMAGE_PIXELS = 128 * 1024 * 1024
"""OpenCV's own limit is a thousand million pixels: three gigabytes for a file of a few kilobytes."""
_LOG_LEVEL_ERROR = 2

# OpenCV reads its limit once, while it is loaded.
os.environ.setdefault("OPENCV_IO_MAX_IMAGE_PIXELS", str(MAX_IMAGE_PIXELS))

try:
    import cv2
except ImportError as error:
    raise MissingRuntimeError(
        f"pictures need OpenCV, which cannot be loaded ({error})", hint="pip install 'edgeinfer[camera]'"
    ) from error

# Its warnings say in other words what our errors say; FFmpeg's own lines are left, they tell the reason.
# OpenCV 4.13 moved the function; Debian 13 has 4.10.
_set_log_level = getattr(cv2, "setLogLevel", None) or cv2.utils.logging.setLogLevel
_set_log_level(_LOG_LEVEL_ERROR)
