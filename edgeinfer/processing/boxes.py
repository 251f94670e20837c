"""Boxes: suppressing those that overlap, and turning the rest into detected objects."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from edgeinfer.errors import DataError
from edgeinfer.processing.geometry import Boxes, Geometry
from edgeinfer.processing.labels import label_of
from edgeinfer.processing.results import DetectedObject, Detection

Indices = npt.NDArray[np.intp]


@dataclass(frozen=True, slots=True)
class Candidates:
    """Boxes (n, 4) x1, y1, x2, y2 in pixels of the model's input, scores (n,) and classes (n,)."""

    boxes: Boxes
    scores: npt.NDArray[np.float32]
    classes: Indices


def suppress(found: Candidates, iou: float, limit: int) -> Indices:
    """Greedy non-maximum suppression class by class: what to keep, best score first, `limit` at most.

    A box goes if its intersection over union with a better box of its class is larger than `iou`;
    of equal scores the earlier box is the better one.
    """
    order = np.argsort(-found.scores, kind="stable")
    # A limited number of survivors is looked for in score order, so a full matrix would be waste.
    boxes, classes = found.boxes[order], found.classes[order]
    areas = np.prod(np.maximum(boxes[:, 2:] - boxes[:, :2], 0.0), axis=1)
    alive = np.ones(len(order), np.bool_)
    kept: list[int] = []
    for best in range(len(order)):
        if not alive[best]:
            continue
        kept.append(best)
        if len(kept) == limit:
            break
        rest = slice(best + 1, None)
        corners = np.maximum(boxes[best, :2], boxes[rest, :2]), np.minimum(boxes[best, 2:], boxes[rest, 2:])
        shared = np.prod(np.maximum(corners[1] - corners[0], 0.0), axis=1)
        too_close = shared > iou * (areas[best] + areas[rest] - shared)
        alive[rest] &= ~(too_close & (classes[rest] == classes[best]))
    return order[kept]


def to_detection(
    found: Candidates, kept: Sequence[int] | Indices, geometry: Geometry | None, labels: Sequence[str]
) -> Detection:
    """The kept boxes in the source frame, clipped to it; those that lie outside are left out.

    Raises DataError if the model's input was no picture.
    """
    if geometry is None:
        raise DataError("detection needs a picture as the model's first input")
    corners = geometry.to_source(found.boxes[kept])
    limits = (geometry.width, geometry.height, geometry.width, geometry.height)
    clipped = np.clip(corners, 0.0, limits)
    objects = [
        DetectedObject(label=label_of(labels, index), score=score, box=(x1, y1, x2 - x1, y2 - y1))
        for (x1, y1, x2, y2), score, index in zip(
            clipped.tolist(), found.scores[kept].tolist(), found.classes[kept].tolist(), strict=True
        )
        if x2 > x1 and y2 > y1
    ]
    return Detection(objects=tuple(objects))
