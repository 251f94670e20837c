"""Predicted numbers with names."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from edgeinfer.errors import ModelError
from edgeinfer.frames import Array, TensorInfo
from edgeinfer.processing.geometry import Geometry
from edgeinfer.processing.quantization import real_output
from edgeinfer.processing.results import Regression
from edgeinfer.processing.spec import RegressionOutput


@dataclass(frozen=True)
class RegressionDecoder:
    """value = output * scale + offset, for all outputs one after the other in the order of `names`."""

    spec: RegressionOutput
    outputs: tuple[TensorInfo, ...]

    def __call__(
        self, outputs: Mapping[str, Array], inputs: Mapping[str, Array], geometry: Geometry | None
    ) -> Regression:
        """Raises ModelError for NaN, infinity and another count of numbers than of names."""
        parts = [real_output(outputs[output.name], output).ravel() for output in self.outputs]
        numbers = np.concatenate(parts).astype(np.float64)
        if len(numbers) != len(self.spec.names):
            raise ModelError(f"the model gives {len(numbers)} numbers for {len(self.spec.names)} names")
        numbers = numbers * self.spec.scale + self.spec.offset
        return Regression(values=dict(zip(self.spec.names, numbers.tolist(), strict=True)))
