"""Results that are read as floats, with more than the eight bits that an integer kernel gives.

The last layers' results are what the model says. Where such a product is small it is computed twice, with
the same weights, and with biases half the range apart. Each result covers half of the range at half the
scale and saturates beyond it: their sum is the result, rounded half as much.

Where it is too large for that, and no integers are computed from its result, the kernels of dynamic range
compute it: they round a float input to 8 bits by its own range, multiply integers, and give floats. The
second rounding of the input costs less than that of the result, which may span what one channel alone
needs. Nothing saturates there: a clamp must be in the graph.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

import numpy as np

from edgeinfer_converters.tflite.fusing import NONE
from edgeinfer_converters.tflite.lowering import Lowering
from edgeinfer_converters.tflite.nodes import Node
from edgeinfer_converters.tflite.tensors import Quant
from edgeinfer_converters.tflite.weights import Product

MAX_SHARE = 0.02
"""Of the model's multiply-accumulates, that a product may have to be worth computing twice."""

_STEPS = 255
_LOWEST = -128


Way = Literal["twice", "dynamic"]


def finer_way(node: Node, at: Lowering, result: str) -> Way | None:
    """How an integer product gets a finer result; None where 8 bits have to do."""
    floats = [] if at.integer_results else _floats(at, result)
    if not floats or node.name not in at.macs:
        return None
    if at.macs[node.name] <= MAX_SHARE * sum(at.macs.values()):
        return "twice"
    return None if any(_leads_to_integers(at, name) for name in floats) else "dynamic"


def _floats(at: Lowering, result: str) -> list[str]:
    """The tensors that a quantized result is read as, if all that reads it reads floats."""
    readers = at.view.readers.get(result, ())
    if len(readers) != 1 or readers[0].op_type != "QuantizeLinear":
        return []
    floats = [one for reader in at.view.readers.get(readers[0].output[0], ()) for one in reader.output]
    return [] if any(_is_read_in_8_bits(at, name) for name in floats) else floats


def _leads_to_integers(at: Lowering, name: str) -> bool:
    """Whether anything is quantized behind a tensor, at any distance."""
    waiting, seen = [name], {name}
    while waiting:
        for reader in at.view.readers.get(waiting.pop(), ()):
            if reader.op_type == "QuantizeLinear":
                return True
            new = set(reader.output) - seen
            seen |= new
            waiting.extend(sorted(new))
    return False


def _is_read_in_8_bits(at: Lowering, name: str) -> bool:
    return any(
        at.target(result) is not None for reader in at.view.readers.get(name, ()) for result in reader.output
    )


def write_finer(
    at: Lowering, product: Product, result: str, activation: str, compute: Callable[[float, Quant], int]
) -> int:
    """The result in floats. `compute` gives the product, in 8 bits of a scale, less a shift, not clamped."""
    scale, zero_point = product.result.scales[0], product.result.zero_points[0]
    fine = Quant.whole(scale / 2, 0)
    lower = (_LOWEST / 2 - zero_point) * scale
    upper = lower + _STEPS * fine.scales[0]
    parts = [at.real(compute(shift, fine)) for shift in (lower, upper)]
    shape = at.graph.tensors[parts[0]].shape
    total = at.add("ADD", parts, shape, "float32", fusedActivationFunction=NONE)
    # Below the middle the upper part says its lowest number, above it the lower part its highest.
    level = at.const(lower - _LOWEST * fine.scales[0], "float32")
    at.unrounded.add(result)
    return at.add("ADD", [total, level], shape, "float32", fusedActivationFunction=activation)


def write_dynamic(at: Lowering, product: Product, result: str, compute: Callable[[int], int]) -> int:
    """The result in floats. `compute` gives the product of a float input and a bias in float."""
    at.unrounded.add(result)
    outputs = product.weights.scales.size
    bias = np.zeros(outputs) if product.bias is None else product.bias
    return compute(at.graph.constant(bias.astype(np.float32), f"{product.name}_bias"))
