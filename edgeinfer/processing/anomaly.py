"""Anomalies: what an autoencoder cannot reconstruct, it has not seen in training."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np

from edgeinfer.errors import ModelError
from edgeinfer.frames import Array, TensorInfo
from edgeinfer.processing.geometry import Geometry
from edgeinfer.processing.quantization import Floats, dequantize, real_output
from edgeinfer.processing.results import Anomaly


@dataclass(frozen=True)
class AnomalyDecoder:
    """Compares the model's first output with its first input, in normalized units.

    `input` says how that input is quantized; without it the input has to be float32.
    """

    measure: Literal["mse", "mae"]
    threshold: float
    input: TensorInfo | None
    output: TensorInfo

    def __call__(
        self, outputs: Mapping[str, Array], inputs: Mapping[str, Array], geometry: Geometry | None
    ) -> Anomaly:
        """Raises ModelError for NaN, infinity and an output of another size than the input."""
        rebuilt = real_output(outputs[self.output.name], self.output)
        score = reconstruction_error(self._given(inputs), rebuilt, self.measure)
        return Anomaly(score=score, threshold=self.threshold, anomalous=score > self.threshold)

    def _given(self, inputs: Mapping[str, Array]) -> Floats:
        if self.input is not None:
            return dequantize(inputs[self.input.name], self.input)
        first = next(iter(inputs.values()))
        if first.dtype != np.float32:
            raise ModelError(f"how the {first.dtype} input is quantized is not known")
        return first


def reconstruction_error(given: Floats, rebuilt: Floats, measure: Literal["mse", "mae"]) -> float:
    """Mean squared or mean absolute error over all numbers. Raises ModelError if they differ in number."""
    if given.size != rebuilt.size:
        raise ModelError(f"the model gives {rebuilt.size} numbers for an input of {given.size}")
    difference = rebuilt.ravel().astype(np.float64) - given.ravel()
    return float(np.mean(np.square(difference) if measure == "mse" else np.abs(difference)))
