"""YOLOX: anchor-free boxes on three grids (Ge et al., 2021, arXiv:2107.08430)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from edgeinfer.errors import ModelError
from edgeinfer.frames import Array, TensorInfo
from edgeinfer.processing.boxes import Candidates, suppress, to_detection
from edgeinfer.processing.geometry import Geometry
from edgeinfer.processing.labels import check_labels
from edgeinfer.processing.quantization import Floats, real_output
from edgeinfer.processing.results import Detection
from edgeinfer.processing.spec import DetectionOutput

STRIDES = (8, 16, 32)
_MAX_EXPONENT = 20.0  # e^20 pixels are more than any picture has; beyond 88 float32 overflows


@dataclass(frozen=True)
class YoloxDecoder:
    """Decodes one output (1, cells, 5 + classes): centre, size, objectness and class probabilities.

    The centre is relative to the cell and the size logarithmic, both in strides; a score is objectness
    times class probability. Suppression is class by class.
    """

    spec: DetectionOutput
    labels: tuple[str, ...]
    output: TensorInfo
    size: tuple[int, int]
    _grid: Floats = field(init=False, repr=False)
    _strides: Floats = field(init=False, repr=False)

    def __post_init__(self) -> None:
        """Raises ModelError if the output does not belong to the input's size, SettingsError for labels."""
        grid, strides = grids(*self.size)
        object.__setattr__(self, "_grid", grid)
        object.__setattr__(self, "_strides", strides)
        shape = self.output.shape
        if len(shape) != 3 or shape[1] not in (-1, len(grid)) or (shape[2] < 6 and shape[2] != -1):
            raise ModelError(
                f"the model's output `{self.output.name}` has the shape {list(shape)}; YOLOX at"
                f" {self.size[0]} x {self.size[1]} gives [1, {len(grid)}, 5 + classes]",
                hint="correct size of the [[input]] or decode of the [output] in the pipeline",
            )
        check_labels(self.labels, shape[2] - 5 if shape[2] != -1 else -1)

    def __call__(
        self, outputs: Mapping[str, Array], inputs: Mapping[str, Array], geometry: Geometry | None
    ) -> Detection:
        """Raises ModelError for NaN and infinity."""
        rows = real_output(outputs[self.output.name], self.output)[0]
        found = self._candidates(rows)
        kept = suppress(found, self.spec.iou, self.spec.max_detections)
        return to_detection(found, kept, geometry, self.labels)

    def _candidates(self, rows: Floats) -> Candidates:
        # Nearly all cells are out by their objectness alone, whatever their class probabilities.
        likely = np.flatnonzero(rows[:, 4] * self._highest(rows[:, 5:]) >= self.spec.threshold)
        rows, grid, strides = rows[likely], self._grid[likely], self._strides[likely]
        scores = rows[:, 4:5] * rows[:, 5:]
        cells, classes = np.nonzero(scores >= self.spec.threshold)
        boxes = decode_boxes(rows[:, :4], grid, strides)
        return Candidates(boxes[cells], scores[cells, classes], classes)

    def _highest(self, probabilities: Floats) -> float:
        """What no class probability is above: 1, which only quantized ones may pass by rounding."""
        return 1.0 if self.output.quantization is None else float(probabilities.max(initial=1.0))


def grids(width: int, height: int) -> tuple[Floats, Floats]:
    """The column and row of each cell (n, 2), and its stride (n, 1): stride by stride, row by row."""
    cells, strides = [], []
    for stride in STRIDES:
        columns, rows = np.meshgrid(np.arange(width // stride), np.arange(height // stride))
        cells.append(np.stack((columns, rows), axis=-1).reshape(-1, 2))
        strides.append(np.full((len(cells[-1]), 1), stride))
    return np.concatenate(cells).astype(np.float32), np.concatenate(strides).astype(np.float32)


def decode_boxes(raw: Floats, grid: Floats, strides: Floats) -> npt.NDArray[np.float64]:
    """Corners (n, 4) in pixels of the model's input from centres and sizes (n, 4) of the cells."""
    centres = (raw[:, :2] + grid) * strides
    sides = np.exp(np.clip(raw[:, 2:4], -_MAX_EXPONENT, _MAX_EXPONENT)) * strides
    return np.concatenate((centres - sides / 2, centres + sides / 2), axis=1).astype(np.float64)
