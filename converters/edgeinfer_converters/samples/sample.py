"""What calibration and evaluation data look like to the rest of the converter."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Protocol

import numpy as np

from edgeinfer.errors import DataError
from edgeinfer.frames import Array, TensorInfo
from edgeinfer.processing.preprocess import Geometry
from edgeinfer.processing.spec import PipelineSpec

_MAX_DIGITS = 9
_MAX_SHOWN = 80

Purpose = Literal["calibration", "evaluation"]


@dataclass(frozen=True, slots=True)
class TruthBox:
    """An annotated object: the index of its label, and x, y, width, height in pixels of the image."""

    label: int
    box: tuple[float, float, float, float]
    area: float
    crowd: bool


Truth = int | tuple[float, ...] | tuple[TruthBox, ...]
"""A class index (1 for anomalous), the target numbers of a regression, or the boxes of a detection."""


@dataclass(frozen=True, slots=True)
class Sample:
    """The model's inputs by name, each with a batch axis of 1, and what is known to be true of them."""

    name: str
    inputs: dict[str, Array]
    geometry: Geometry | None = None
    truth: Truth | None = None


@dataclass(frozen=True, slots=True)
class Request:
    """What samples are wanted for: `tensors` are the model's inputs in its order."""

    spec: PipelineSpec
    tensors: tuple[TensorInfo, ...]
    labels: tuple[str, ...]
    purpose: Purpose


class SampleSource(Protocol):
    """A data set in a fixed order. Reading it takes the memory of one sample."""

    def files(self, chosen: Sequence[int]) -> tuple[Path, ...]:
        """The files that hold the samples at these positions and their truth, in order."""

    @property
    def labelled(self) -> bool:
        """True where each sample has its truth."""

    def __len__(self) -> int:
        """How many samples there are, readable or not."""

    def read(self, chosen: Sequence[int]) -> Iterator[Sample]:
        """The samples at these ascending positions. Raises DataError."""


def class_index(text: str, labels: tuple[str, ...], where: str) -> int:
    """The index of a label given by name or number. Raises DataError."""
    if text in labels:
        return labels.index(text)
    if text.isascii() and text.isdigit() and len(text) <= _MAX_DIGITS:
        index = int(text)
        if not labels or index < len(labels):
            return index
    hint = "a label is a line of the pipeline's labels file, or its number counted from 0"
    raise DataError(f"{where}: unknown label `{text[:_MAX_SHOWN]}`", hint=hint)


def check_finite(array: Array, where: str) -> None:
    """Raise DataError if a floating-point array holds NaN or infinity."""
    if np.issubdtype(array.dtype, np.floating) and not np.isfinite(array).all():
        raise DataError(f"{where}: holds NaN or infinity", hint="leave such samples out, or repair them")
