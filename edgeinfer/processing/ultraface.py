"""UltraFace: class scores and normalized corners of prior boxes, already decoded by the model."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from edgeinfer.errors import ModelError
from edgeinfer.frames import Array, TensorInfo
from edgeinfer.processing.boxes import Candidates, suppress, to_detection
from edgeinfer.processing.geometry import Geometry
from edgeinfer.processing.labels import check_labels
from edgeinfer.processing.quantization import real_output
from edgeinfer.processing.results import Detection
from edgeinfer.processing.roles import assign_roles
from edgeinfer.processing.spec import DetectionOutput
from edgeinfer.processing.ssd import check_boxes

ROLES = ("scores", "boxes")


@dataclass(frozen=True)
class UltrafaceDecoder:
    """Decodes scores (1, n, classes), the background first, and boxes (1, n, 4) x1, y1, x2, y2 in 0..1."""

    spec: DetectionOutput
    labels: tuple[str, ...]
    outputs: tuple[TensorInfo, ...]
    size: tuple[int, int]
    _roles: dict[str, TensorInfo] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        """Raises SettingsError for roles and labels, ModelError for boxes of another shape."""
        roles = assign_roles(ROLES, self.spec.tensors, self.outputs)
        object.__setattr__(self, "_roles", roles)
        check_boxes(roles["boxes"])
        check_labels(self.labels, roles["scores"].shape[-1] if roles["scores"].shape else -1)

    def __call__(
        self, outputs: Mapping[str, Array], inputs: Mapping[str, Array], geometry: Geometry | None
    ) -> Detection:
        """Raises ModelError for NaN, infinity and outputs that do not fit each other."""
        scores, boxes = (real_output(outputs[self._roles[role].name], self._roles[role]) for role in ROLES)
        scores, boxes = scores.reshape(-1, scores.shape[-1]), boxes.reshape(-1, 4)
        if len(scores) != len(boxes):
            raise ModelError(f"{len(boxes)} boxes, but scores for {len(scores)}")
        rows, classes = np.nonzero(scores[:, 1:] >= self.spec.threshold)
        width, height = self.size
        corners = boxes[rows].astype(np.float64) * (width, height, width, height)
        found = Candidates(corners, scores[rows, classes + 1], classes + 1)
        kept = suppress(found, self.spec.iou, self.spec.max_detections)
        return to_detection(found, kept, geometry, self.labels)
