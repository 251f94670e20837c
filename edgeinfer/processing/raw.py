"""Output tensors as nested lists."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from edgeinfer.frames import Array, TensorInfo
from edgeinfer.processing.geometry import Geometry
from edgeinfer.processing.quantization import real_output
from edgeinfer.processing.results import Raw


@dataclass(frozen=True)
class RawDecoder:
    """All outputs in the model's shape: quantized ones as real numbers, integers and booleans as they are."""

    outputs: tuple[TensorInfo, ...]

    def __call__(
        self, outputs: Mapping[str, Array], inputs: Mapping[str, Array], geometry: Geometry | None
    ) -> Raw:
        """Raises ModelError for NaN and infinity."""
        return Raw(outputs={one.name: _real(outputs[one.name], one).tolist() for one in self.outputs})


def _real(stored: Array, tensor: TensorInfo) -> Array:
    if tensor.quantization is None and not np.issubdtype(stored.dtype, np.floating):
        return stored
    return real_output(stored, tensor)
