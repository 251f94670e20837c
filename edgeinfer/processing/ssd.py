"""Single-shot detectors that carry their own suppression: TFLite_Detection_PostProcess and the like."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from edgeinfer.errors import ModelError
from edgeinfer.frames import Array, TensorInfo
from edgeinfer.processing.boxes import Candidates, to_detection
from edgeinfer.processing.geometry import Geometry
from edgeinfer.processing.quantization import Floats, real_output
from edgeinfer.processing.results import Detection
from edgeinfer.processing.roles import assign_roles
from edgeinfer.processing.spec import DetectionOutput

ROLES = ("boxes", "classes", "scores", "count")
"""In the order of the operator's outputs; `count` may be absent."""


@dataclass(frozen=True)
class SsdDecoder:
    """Decodes boxes (1, n, 4) as ymin, xmin, ymax, xmax in 0..1, classes (1, n), scores (1, n), count (1)."""

    spec: DetectionOutput
    labels: tuple[str, ...]
    outputs: tuple[TensorInfo, ...]
    size: tuple[int, int]
    _roles: dict[str, TensorInfo] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        """Raises SettingsError for roles that cannot be filled, ModelError for boxes of another shape."""
        roles = assign_roles(ROLES, self.spec.tensors, self.outputs, optional=1)
        object.__setattr__(self, "_roles", roles)
        check_boxes(roles["boxes"])

    def __call__(
        self, outputs: Mapping[str, Array], inputs: Mapping[str, Array], geometry: Geometry | None
    ) -> Detection:
        """Raises ModelError for NaN, infinity and outputs that do not fit each other."""
        real = {role: real_output(outputs[info.name], info) for role, info in self._roles.items()}
        boxes, classes, scores = real["boxes"].reshape(-1, 4), real["classes"].ravel(), real["scores"].ravel()
        if not len(boxes) == len(classes) == len(scores):
            raise ModelError(f"{len(boxes)} boxes, {len(classes)} classes and {len(scores)} scores")
        count = _count(real.get("count"), len(boxes))
        found = Candidates(
            self._corners(boxes[:count]), scores[:count], np.rint(classes[:count]).astype(np.intp)
        )
        order = np.argsort(-found.scores, kind="stable")[: self.spec.max_detections]
        kept = order[found.scores[order] >= self.spec.threshold]
        return to_detection(found, kept, geometry, self.labels)

    def _corners(self, boxes: Floats) -> Array:
        width, height = self.size
        return boxes[:, [1, 0, 3, 2]].astype(np.float64) * (width, height, width, height)


def check_boxes(tensor: TensorInfo) -> None:
    """Raises ModelError if a tensor cannot hold boxes."""
    if not tensor.shape or tensor.shape[-1] not in (-1, 4):
        raise ModelError(
            f"the model's output `{tensor.name}` has the shape {list(tensor.shape)} and cannot be the boxes",
            hint='name the outputs in [output] of the pipeline: tensors = { boxes = "…", scores = "…" }',
        )


def _count(values: Floats | None, most: int) -> int:
    return most if values is None else min(most, max(0, round(float(values.ravel()[0]))))
