"""The largest and smallest elements along the last axis, and their places."""

from __future__ import annotations

import numpy as np

from edgeinfer_converters.tflite.lowering import Lowering
from edgeinfer_converters.tflite.moving import in_type
from edgeinfer_converters.tflite.steps import compute


def largest(at: Lowering, tensor: int, count: int) -> tuple[int, int]:
    """Values and places (int32) of the largest along the last axis, in falling order.

    Of equal ones those with the lower index come first, as ONNX wants it.
    """
    source = in_type(at, tensor, "TOPK_V2")
    found = at.graph.tensors[source]
    shape = (*found.shape[:-1], count)
    results = [
        at.graph.tensor(f"topk_{len(at.graph.operators)}_{kind}", shape, dtype)
        for kind, dtype in (("values", found.dtype), ("places", "int32"))
    ]
    at.graph.add("TOPK_V2", [source, at.const(np.array(count, np.int32))], results)
    return results[0], results[1]


def smallest(at: Lowering, tensor: int, count: int) -> tuple[int, int]:
    """Values and places of the smallest, in rising order: the largest of the tensor turned around."""
    values, places = largest(at, turned(at, in_type(at, tensor, "TOPK_V2")), count)
    return turned(at, values), places


def turned(at: Lowering, tensor: int) -> int:
    """Numbers in the opposite order: -x, or -1 - x for integers, which cannot overflow."""
    found = at.graph.tensors[tensor]
    if found.dtype == "float32":
        return at.add("NEG", [tensor], found.shape, found.dtype)
    flat = at.reshape(tensor, (found.size,))
    minus = compute(at, "MUL", flat, np.array([-1]))
    return at.reshape(compute(at, "ADD", minus, np.array([-1])), found.shape)


def first_true(at: Lowering, conditions: int, count: int) -> int:
    """The places of the first `count` true ones of conditions (n,), in order, int32."""
    return largest(at, at.cast(conditions, "int32"), count)[1]
