"""onnx2tf's direct TFLite writer with integer quantization; runs in an environment of its own.

    quantize_onnx2tf.py MODEL CALIBRATION.npz OUT.tflite

Of the files that it writes, the one with float inputs and outputs and int8 between them is taken. It wants
the calibration data as NHWC and normalizes them itself: they are normalized already, hence 0 and 1.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import onnx

IMAGE_RANK = 4
IMAGE_CHANNELS = (1, 3)


def main() -> None:
    """Quantize."""
    source, calibration, out = sys.argv[1:]
    model = onnx.load(source)
    value = model.graph.input[0]
    inputs = np.load(calibration)["input"]
    channels_first = inputs.ndim == IMAGE_RANK and inputs.shape[1] in IMAGE_CHANNELS
    if channels_first:
        inputs = inputs.transpose(0, 2, 3, 1)
    with tempfile.TemporaryDirectory() as folder:
        static, data = Path(folder, "static.onnx"), Path(folder, "calibration.npy")
        onnx.save(_with_one_sample(model), static)
        np.save(data, np.ascontiguousarray(inputs, dtype=np.float32))
        command = [sys.executable, "-P", "-m", "onnx2tf", "-i", str(static), "-o", folder, "-n"]
        command += ["-tb", "flatbuffer_direct", "-oiqt", "-qt", "per-channel"]
        # An input that is NHWC already would be transposed once more.
        command += [] if channels_first else ["-kat", value.name]
        channels = inputs.shape[-1]
        command += ["-cind", value.name, str(data), _one_each(0.0, channels), _one_each(1.0, channels)]
        code = subprocess.run(command, check=False).returncode
        if code:
            sys.exit(code)  # onnx2tf has said why
        shutil.copyfile(next(Path(folder).glob("*_integer_quant.tflite")), out)


def _with_one_sample(model: onnx.ModelProto) -> onnx.ModelProto:
    for value in (*model.graph.input, *model.graph.output):
        value.type.tensor_type.shape.dim[0].dim_value = 1
    return model


def _one_each(number: float, channels: int) -> str:
    return str([[[[number] * channels]]]).replace(" ", "")


if __name__ == "__main__":
    main()
