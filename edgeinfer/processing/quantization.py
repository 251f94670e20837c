"""Between real numbers and the integers that a quantized tensor stores."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from edgeinfer.errors import ModelError
from edgeinfer.frames import DTYPES, Array, TensorInfo

Floats = npt.NDArray[np.float32]


def quantize(values: Array, tensor: TensorInfo) -> Array:
    """Real numbers as the tensor stores them: round half to even, then saturate.

    An integer tensor without quantization parameters takes the rounded numbers themselves.
    """
    dtype = DTYPES[tensor.dtype]
    if not np.issubdtype(dtype, np.integer):
        return values.astype(dtype)
    scale, zero_point = _parameters(tensor)
    limits = np.iinfo(dtype)
    stored = np.rint(values.astype(np.float64) / scale) + zero_point
    quantized: Array = np.clip(stored, limits.min, limits.max).astype(dtype)
    return quantized


def dequantize(stored: Array, tensor: TensorInfo) -> Floats:
    """What the stored numbers of a tensor stand for, as float32; float32 arrays pass through."""
    if stored.dtype == np.float32:
        return stored
    if np.issubdtype(stored.dtype, np.floating) or tensor.quantization is None:
        return stored.astype(np.float32)
    scale, zero_point = _parameters(tensor)
    values = stored.astype(np.float32)
    values -= np.float32(zero_point)  # in place: an output may be large, and each frame brings one
    values *= np.float32(scale)
    return values


def real_output(stored: Array, tensor: TensorInfo) -> Floats:
    """An output as finite real numbers. Raises ModelError for NaN, infinity and an empty array."""
    values = dequantize(stored, tensor)
    if values.size == 0:
        raise ModelError(f"the model's output `{tensor.name}` is empty")
    # A NaN wins both reductions, so two fast passes answer for all values without a mask of them.
    if not (np.isfinite(values.max()) and np.isfinite(values.min())):
        raise ModelError(
            f"the model's output `{tensor.name}` holds NaN or infinity",
            hint="convert the model again, with float32 precision if the input is sound",
        )
    return values


def _parameters(tensor: TensorInfo) -> tuple[float, int]:
    if tensor.quantization is None:
        return 1.0, 0
    return tensor.quantization.scale, tensor.quantization.zero_point
