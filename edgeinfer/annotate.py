"""Pictures with what was found drawn into them, for looking at."""

from __future__ import annotations

import zlib
from pathlib import Path

import numpy as np

from edgeinfer.errors import DataError
from edgeinfer.files import write_atomically
from edgeinfer.frames import Array, Frame
from edgeinfer.opencv import cv2
from edgeinfer.processing.results import Classification, Detection, Outcome, Result

Color = tuple[int, int, int]

_PALETTE: tuple[Color, ...] = (  # BGR, all of them dark enough for white letters
    (40, 110, 220),
    (60, 140, 30),
    (190, 90, 30),
    (150, 40, 150),
    (30, 30, 200),
    (120, 120, 20),
)
_WHITE: Color = (255, 255, 255)
_FONT = cv2.FONT_HERSHEY_SIMPLEX
_QUALITY = 90


def draw(picture: Array, outcome: Outcome) -> Array:
    """A copy of a BGR picture with boxes and labels, or with the classes in its corner.

    Raises DataError for anything but a picture of (height, width, 3) uint8.
    """
    if picture.ndim != 3 or picture.shape[2] != 3 or picture.dtype != np.uint8:
        raise DataError(
            "only pictures can be saved with what was found in them", hint="leave --save out for this model"
        )
    canvas = np.array(picture, order="C")
    if isinstance(outcome, Detection):
        # The best last, so that nothing covers it.
        for one in reversed(outcome.objects):
            _draw_box(canvas, one.box, f"{one.label} {one.score:.2f}", _color(one.label))
    elif isinstance(outcome, Classification):
        top = 0
        for best in outcome.classes:
            top += _draw_text(canvas, f"{best.label} {best.score:.2f}", (0, top), _color(best.label))
    return canvas


def save_annotated(folder: Path, frame: Frame, result: Result) -> Path:
    """Write the frame as JPEG, named by its sequence number; the file's path. Raises DataError, OSError."""
    _, encoded = cv2.imencode(".jpg", draw(frame.data, result.outcome), [cv2.IMWRITE_JPEG_QUALITY, _QUALITY])
    path = folder / f"{frame.sequence:06d}.jpg"
    write_atomically(path, encoded.tobytes())
    return path


def _draw_box(canvas: Array, box: tuple[float, float, float, float], text: str, color: Color) -> None:
    x, y, width, height = (round(side) for side in box)
    thickness = max(1, round(min(canvas.shape[:2]) / 200))
    cv2.rectangle(canvas, (x, y), (x + width, y + height), color, thickness)
    _, text_height = _text_size(canvas, text)
    _draw_text(canvas, text, (x, y - text_height if y >= text_height else y), color)


def _draw_text(canvas: Array, text: str, corner: tuple[int, int], color: Color) -> int:
    """White on a bar of the colour, moved into the picture where it would leave it; the bar's height."""
    width, height = _text_size(canvas, text)
    x = max(0, min(corner[0], canvas.shape[1] - width))
    y = max(0, corner[1])
    margin = height // 4
    cv2.rectangle(canvas, (x, y), (x + width, y + height), color, cv2.FILLED)
    origin = (x + margin, y + height - margin - 1)
    cv2.putText(canvas, text, origin, _FONT, _scale(canvas), _WHITE, 1, cv2.LINE_AA)
    return height


def _text_size(canvas: Array, text: str) -> tuple[int, int]:
    (width, height), baseline = cv2.getTextSize(text, _FONT, _scale(canvas), 1)
    full = height + baseline + 2
    return width + full // 2, full


def _scale(canvas: Array) -> float:
    shorter_side: int = min(canvas.shape[:2])
    return max(0.4, shorter_side / 900)


def _color(label: str) -> Color:
    return _PALETTE[zlib.crc32(label.encode()) % len(_PALETTE)]
