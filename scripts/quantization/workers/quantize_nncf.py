"""NNCF's post-training quantization of an ONNX model; runs in an environment of its own.

    quantize_nncf.py MODEL CALIBRATION.npz OUT.onnx fast|full

`full` corrects biases layer by layer (`fast_bias_correction=False`). The preset is MIXED, and all inputs
are used, not only the first 300.
"""

from __future__ import annotations

import sys

import nncf
import numpy as np
import onnx
import onnx.version_converter

LOWEST_OPSET = 13


def main() -> None:
    """Quantize."""
    source, calibration, out, correction = sys.argv[1:]
    model = onnx.load(source)
    if model.opset_import[0].version < LOWEST_OPSET:
        model = onnx.version_converter.convert_version(model, LOWEST_OPSET)
    name = model.graph.input[0].name
    inputs = np.load(calibration)["input"]
    dataset = nncf.Dataset(list(inputs), lambda one: {name: one[None]})
    quantized = nncf.quantize(
        model,
        dataset,
        preset=nncf.QuantizationPreset.MIXED,
        subset_size=len(inputs),
        fast_bias_correction=correction == "fast",
    )
    onnx.save(quantized, out)


if __name__ == "__main__":
    main()
