"""Tensors for kernels that only move values: in the type that they are stored in, where the kernel takes it.

Source: the kernels of tensorflow/lite/kernels (Prepare and Eval of each), held against LiteRT by the tests.
"""

from __future__ import annotations

from edgeinfer_converters.tflite.faults import UnsupportedError
from edgeinfer_converters.tflite.layouts import Layout
from edgeinfer_converters.tflite.lowering import Lowering

_NUMBERS = frozenset({"float32", "int32", "int64"})
_MANY = _NUMBERS | {"bool", "float16", "int8", "int16", "uint8"}

TYPES = {
    "CONCATENATION": _MANY,
    "CUMSUM": _NUMBERS,
    "DEPTH_TO_SPACE": _NUMBERS | {"int8", "uint8"},
    "GATHER": _MANY,
    "PAD": _MANY,
    "REVERSE_SEQUENCE": _NUMBERS | {"int16", "uint8"},
    "SCATTER_ND": _NUMBERS | {"bool", "int8", "uint8"},
    "SPACE_TO_DEPTH": _NUMBERS | {"int8", "uint8"},
    "TOPK_V2": _NUMBERS,
}
"""Element types by kernel. SLICE, STRIDED_SLICE, TILE, BROADCAST_TO, MIRROR_PAD and SELECT_V2 take all."""


def movable(at: Lowering, name: str, code: str, layout: Layout | None = None) -> int:
    """A tensor in a type that a kernel moves, in a layout (ONNX's own by default).

    Integers with a scale stay so where the kernel takes them; booleans become int32 where it does not
    (`moved_back` makes them booleans again). Raises UnsupportedError for uint64.
    """
    tensor = at.stored(name, layout)
    if at.graph.tensors[tensor].dtype in TYPES[code]:
        return tensor
    return in_type(at, at.real(tensor), code)


def in_type(at: Lowering, tensor: int, code: str) -> int:
    """A tensor of a type that is computed in, for a kernel that may not take it."""
    dtype = at.graph.tensors[tensor].dtype
    if dtype in TYPES[code]:
        return tensor
    if dtype != "bool":
        raise UnsupportedError(f"TFLite's {code} does not take {dtype}")
    return at.cast(tensor, "int32")


def moved_back(at: Lowering, name: str, tensor: int, layout: Layout | None = None) -> None:
    """Say that a tensor that was made from a `movable` one holds an ONNX tensor."""
    is_bool = at.facts.dtype(name).name == "bool"
    at.write(name, at.cast(tensor, "bool") if is_bool else tensor, layout)


def refuse_empty(at: Lowering, *names: str) -> None:
    """Raises UnsupportedError if one of the tensors has no elements."""
    for name in names:
        if name and 0 in at.shape(name):
            raise UnsupportedError(f"`{name}` has no elements")
