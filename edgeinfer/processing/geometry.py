"""Where a picture lies in the model's input, and the way back for boxes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from edgeinfer.processing.spec import ImageInput

Boxes = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Geometry:
    """source = model * scale + offset on each axis, both in pixels; edges map to edges.

    `width` and `height` are those of the source frame.
    """

    scale_x: float
    scale_y: float
    offset_x: float
    offset_y: float
    width: int
    height: int

    def to_source(self, boxes: Boxes) -> Boxes:
        """Corners (n, 4) x1, y1, x2, y2 of the model's input as corners of the source frame, unclipped."""
        scale = np.array([self.scale_x, self.scale_y, self.scale_x, self.scale_y])
        offset = np.array([self.offset_x, self.offset_y, self.offset_x, self.offset_y])
        return np.asarray(boxes * scale + offset)


@dataclass(frozen=True, slots=True)
class Placement:
    """How one size of frame becomes the model's input.

    The frame is resized to `resized` (width, height), cut to its part that starts at `crop` (x, y) and
    put at `origin` (x, y) of the input, where it covers `extent` (width, height).
    """

    resized: tuple[int, int]
    crop: tuple[int, int]
    origin: tuple[int, int]
    extent: tuple[int, int]
    geometry: Geometry


def place(spec: ImageInput, width: int, height: int) -> Placement:
    """The placement of a frame of this size.

    Letterbox cuts fractions of a pixel off (`int(side * ratio)`), as YOLOX's own preprocessing does;
    center-crop cuts the long side likewise and rounds the margins to even, as torchvision's does.
    """
    target_width, target_height = spec.size
    resized, crop, origin = spec.size, (0, 0), (0, 0)
    if spec.resize == "letterbox":
        ratio = min(target_width / width, target_height / height)
        resized = (max(1, int(width * ratio)), max(1, int(height * ratio)))
        if spec.anchor == "center":
            origin = ((target_width - resized[0]) // 2, (target_height - resized[1]) // 2)
    elif spec.resize == "center-crop":
        short = spec.short_side or min(spec.size)
        resized = _short_side(width, height, short)
        crop = (round((resized[0] - target_width) / 2), round((resized[1] - target_height) / 2))
    extent = (min(resized[0], target_width), min(resized[1], target_height))
    scale = (width / resized[0], height / resized[1])
    geometry = Geometry(
        scale_x=scale[0],
        scale_y=scale[1],
        offset_x=(crop[0] - origin[0]) * scale[0],
        offset_y=(crop[1] - origin[1]) * scale[1],
        width=width,
        height=height,
    )
    return Placement(resized, crop, origin, extent, geometry)


def _short_side(width: int, height: int, short: int) -> tuple[int, int]:
    if width <= height:
        return short, max(short, int(short * height / width))
    return max(short, int(short * width / height)), short
