"""Each tensor by itself: its type, its size, and that what the file holds for it is exactly that large."""

from __future__ import annotations

import math
import struct
from dataclasses import dataclass
from itertools import pairwise

from edgeinfer.errors import ModelError
from edgeinfer.tflite.flatbuffer import Record
from edgeinfer.tflite.model import Tensor
from edgeinfer.tflite.sparsity import check_sparsity

MAX_RANK = 16
MAX_TENSOR_BYTES = 2**31 - 1

_BLOCKWISE = "BlockwiseQuantization"


@dataclass(frozen=True)
class ElementType:
    """`bits` of an element, 0 where they differ; `zero_points` are (least, most) of what may be quantized."""

    name: str
    bits: int
    zero_points: tuple[int, int] | None = None


STRING = 5

TYPES = {
    0: ElementType("float32", 32),
    1: ElementType("float16", 16),
    2: ElementType("int32", 32, (-(2**31), 2**31 - 1)),
    3: ElementType("uint8", 8, (0, 255)),
    4: ElementType("int64", 64, (-(2**63), 2**63 - 1)),
    STRING: ElementType("string", 0),
    6: ElementType("bool", 8),
    7: ElementType("int16", 16, (-(2**15), 2**15 - 1)),
    8: ElementType("complex64", 64),
    9: ElementType("int8", 8, (-128, 127)),
    10: ElementType("float64", 64),
    11: ElementType("complex128", 128),
    12: ElementType("uint64", 64),
    13: ElementType("resource", 0),
    14: ElementType("variant", 0),
    15: ElementType("uint32", 32),
    16: ElementType("uint16", 16, (0, 65535)),
    17: ElementType("int4", 4, (-8, 7)),
    18: ElementType("bfloat16", 16),
}
"""TensorType of the schema by number, as far as LiteRT 2.1 knows it."""


def check_tensor(where: str, tensor: Tensor, count: int) -> None:
    """Raises ModelError, which says `where`, for a tensor that contradicts itself.

    `count` is how many tensors its subgraph has: a quantization may name some of them.
    """
    kind = TYPES.get(tensor.type)
    if kind is None:
        raise ModelError(f"{where} has an element type that is not known: {tensor.type}")
    _check_shape(where, tensor)
    if tensor.quantization is not None:
        _check_quantization(where, tensor, kind, tensor.quantization, count)
    if tensor.sparsity is not None:
        check_sparsity(where, tensor)
    elif tensor.data is not None:
        _check_data(where, tensor, kind, tensor.data)


def tensor_bytes(tensor: Tensor) -> int:
    """The bytes of a tensor while it lives; open dimensions count as the shape has them."""
    return (math.prod(tensor.shape) * TYPES[tensor.type].bits + 7) // 8


def _check_shape(where: str, tensor: Tensor) -> None:
    if len(tensor.shape) > MAX_RANK:
        raise ModelError(f"{where} has {len(tensor.shape)} dimensions; {MAX_RANK} are possible")
    if any(size < 0 for size in tensor.shape):
        raise ModelError(f"{where} has a dimension below zero: {list(tensor.shape)}")
    # Zeros do not excuse the others: the runtime multiplies the sides one by one.
    elements = math.prod(max(1, size) for size in tensor.shape)
    if elements * (TYPES[tensor.type].bits or 8) > 8 * MAX_TENSOR_BYTES:
        raise ModelError(f"{where} is larger than {MAX_TENSOR_BYTES} bytes: {list(tensor.shape)}")
    if tensor.signature and len(tensor.signature) != len(tensor.shape):
        shapes = f"the shape {list(tensor.shape)} and the signature {list(tensor.signature)}"
        raise ModelError(f"{where} has {shapes}")
    if any(size < -1 for size in tensor.signature):
        raise ModelError(f"{where} has a dimension below -1 in its signature: {list(tensor.signature)}")


def _check_data(where: str, tensor: Tensor, kind: ElementType, data: memoryview) -> None:
    if tensor.variable:
        raise ModelError(f"{where} is a variable and a constant at once")
    if tensor.type == STRING:
        _check_strings(where, math.prod(tensor.shape), data)
        return
    if not kind.bits:
        raise ModelError(f"{where} is a constant of the type {kind.name}")
    needed = tensor_bytes(tensor)
    if len(data) != needed:
        raise ModelError(f"{where} needs {needed} bytes, and its buffer has {len(data)}")


def _check_strings(where: str, count: int, data: memoryview) -> None:
    """The number of strings, where each begins and the last one ends, then their bytes."""
    if len(data) < 4 or struct.unpack_from("<i", data)[0] != count or len(data) < 4 * (count + 2):
        raise ModelError(f"{where} does not hold the {count} strings that its shape says")
    places = struct.unpack_from(f"<{count + 1}i", data, 4)
    ordered = all(one <= other for one, other in pairwise(places))
    if places[0] != 4 * (count + 2) or not ordered or places[-1] > len(data):
        raise ModelError(f"{where} holds strings that lie outside its buffer")


def _check_quantization(
    where: str, tensor: Tensor, kind: ElementType, quantization: Record, count: int
) -> None:
    details = quantization["details"]
    if details is not None:
        _check_details(where, details, count)
    scales, zero_points = quantization["scale"] or (), quantization["zero_point"] or ()
    if not scales:
        return
    if len(zero_points) not in (1, len(scales)):
        raise ModelError(f"{where} has {len(scales)} scales and {len(zero_points)} zero points")
    if kind.zero_points is not None:
        _check_numbers(where, scales, zero_points, kind.zero_points)
    axis = quantization["quantized_dimension"]
    if not 0 <= axis < max(1, len(tensor.shape)):
        raise ModelError(f"{where} is quantized by dimension {axis}, of {len(tensor.shape)}")
    if len(scales) > 1 and (not tensor.shape or tensor.shape[axis] != len(scales)):
        raise ModelError(f"{where} has {len(scales)} scales for dimension {axis} of {list(tensor.shape)}")


def _check_numbers(
    where: str, scales: tuple[float, ...], zero_points: tuple[int, ...], bounds: tuple[int, int]
) -> None:
    wrong = next((scale for scale in scales if not (scale > 0 and math.isfinite(scale))), None)
    if wrong is not None:
        raise ModelError(f"{where} has the scale {wrong:g}, and a scale is above zero and finite")
    least, most = bounds
    if min(zero_points) < least or max(zero_points) > most:
        raise ModelError(f"{where} has a zero point that its type cannot hold, {least} to {most}")


def _check_details(where: str, details: Record, count: int) -> None:
    if details.table != _BLOCKWISE:
        raise ModelError(f"{where} is quantized in a way that is not supported ({details.table})")
    named = (details["scales"], details["zero_points"])
    if details["block_size"] < 1 or any(not -1 <= index < count for index in named) or named[0] < 0:
        raise ModelError(f"{where} is quantized by blocks that do not fit")
