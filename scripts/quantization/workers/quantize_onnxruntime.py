"""ONNX Runtime's own quantizer, in its best fair form; runs in an environment of its own.

    quantize_onnxruntime.py MODEL CALIBRATION.npz OUT.onnx METHOD ACTIVATION

METHOD is MinMax, Percentile or Entropy; ACTIVATION QUInt8 (x86-64) or QInt8 (ARM). Weights are int8 per
channel. The opset is raised to 13 before, as per-channel DequantizeLinear needs.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

import numpy as np
import onnx
import onnx.version_converter
from onnxruntime.quantization import (
    CalibrationDataReader,
    CalibrationMethod,
    QuantFormat,
    QuantType,
    quantize_static,
)
from onnxruntime.quantization.shape_inference import quant_pre_process

LOWEST_OPSET = 13


class Reader(CalibrationDataReader):  # type: ignore[misc]  # a foreign base class without types
    """The calibration inputs, one at a time."""

    def __init__(self, name: str, path: Path) -> None:
        self._name = name
        self._inputs = iter(np.load(path)["input"])

    def get_next(self) -> dict[str, object] | None:
        """The next input as a batch of one; None at the end."""
        one = next(self._inputs, None)
        return None if one is None else {self._name: one[None]}


def main() -> None:
    """Quantize."""
    source, calibration, out, method, activation = sys.argv[1:]
    model = onnx.load(source)
    if model.opset_import[0].version < LOWEST_OPSET:
        model = onnx.version_converter.convert_version(model, LOWEST_OPSET)
    with tempfile.TemporaryDirectory() as folder:
        raised, prepared = Path(folder, "raised.onnx"), Path(folder, "prepared.onnx")
        onnx.save(model, raised)
        quant_pre_process(str(raised), str(prepared))
        quantize_static(
            str(prepared),
            out,
            Reader(model.graph.input[0].name, Path(calibration)),
            quant_format=QuantFormat.QDQ,
            per_channel=True,
            activation_type=QuantType[activation],
            weight_type=QuantType.QInt8,
            calibrate_method=CalibrationMethod[method],
        )


if __name__ == "__main__":
    main()
