"""Which element types the kernels of LiteRT compute with; a file that asks for others does not load.

Source: tensorflow/lite/kernels (each kernel's Prepare and Eval), held against LiteRT by the tests. Kernels
that are not listed move values and take any type. 8-bit tensors with a scale are the quantizer's concern.
"""

from __future__ import annotations

from edgeinfer_converters.tflite.faults import UnsupportedError

_FLOAT = frozenset({"float32"})
_FLOAT_OR_INT = frozenset({"float32", "int32"})
_NUMBER = frozenset({"float32", "int32", "int64"})
_ANY = frozenset({*_NUMBER, "bool"})
_BITS = frozenset({"int8", "uint8", "int16", "uint16", "int32", "uint32"})
_CAST = frozenset({*_ANY, *_BITS, "float16", "float64"})

TYPES = {
    **dict.fromkeys(("ADD", "GREATER", "GREATER_EQUAL", "LESS", "LESS_EQUAL", "MAXIMUM"), _NUMBER),
    **dict.fromkeys(("MEAN", "MINIMUM", "MUL", "NEG", "FLOOR_MOD"), _NUMBER),
    **dict.fromkeys(("REDUCE_MAX", "REDUCE_MIN", "REDUCE_PROD", "SUB", "SUM"), _NUMBER),
    **dict.fromkeys(("EQUAL", "NOT_EQUAL"), _ANY),
    **dict.fromkeys(("ABS", "DIV", "FLOOR_DIV", "POW", "SIGN", "SQUARED_DIFFERENCE"), _FLOAT_OR_INT),
    **dict.fromkeys(
        ("ATAN2", "BATCH_MATMUL", "CEIL", "COS", "ELU", "EXP", "FLOOR", "FULLY_CONNECTED"), _FLOAT
    ),
    **dict.fromkeys(("GELU", "HARD_SWISH", "LEAKY_RELU", "LOG", "LOG_SOFTMAX", "LOGISTIC", "PRELU"), _FLOAT),
    **dict.fromkeys(("RELU", "RELU6", "RELU_N1_TO_1", "ROUND", "RSQRT", "SIN", "SOFTMAX", "SQRT"), _FLOAT),
    **dict.fromkeys(("SQUARE", "TANH"), _FLOAT),
    **dict.fromkeys(("BITWISE_XOR", "RIGHT_SHIFT"), _BITS),
    **dict.fromkeys(
        ("LOGICAL_AND", "LOGICAL_NOT", "LOGICAL_OR", "REDUCE_ALL", "REDUCE_ANY"), frozenset({"bool"})
    ),
    "CAST": _CAST,
}
"""Types of the first operand, by kernel."""

_QUANTIZED = frozenset({"int8", "int16"})


def check_types(code: str, dtype: str, *, quantized: bool) -> None:
    """Raises UnsupportedError if a kernel does not compute with a type."""
    known = TYPES.get(code)
    if known is None or dtype in known or (quantized and dtype in _QUANTIZED):
        return
    raise UnsupportedError(f"TFLite's {code} does not compute with {dtype}")
