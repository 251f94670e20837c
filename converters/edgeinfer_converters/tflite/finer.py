"""Results that are read as floats, with nine bits instead of eight.

An integer kernel gives 8 bits. The last layers' results are what the model says, and read as floats:
there the product is computed twice, with the same weights, and with biases half the range apart. Each
result covers half of the range at half the scale and saturates beyond it: their sum is the result,
rounded half as much.
"""

from __future__ import annotations

from collections.abc import Callable

from edgeinfer_converters.tflite.fusing import NONE
from edgeinfer_converters.tflite.lowering import Lowering
from edgeinfer_converters.tflite.nodes import Node
from edgeinfer_converters.tflite.tensors import Quant
from edgeinfer_converters.tflite.weights import Product

MAX_SHARE = 0.02
"""Of the model's multiply-accumulates, that a product may have to be worth computing twice."""

_STEPS = 255
_LOWEST = -128


def is_worth_it(node: Node, at: Lowering, result: str, activation: str) -> bool:
    """Whether a product is small, and all that reads its result reads floats."""
    readers = at.view.readers.get(result, ())
    if activation != NONE or len(readers) != 1 or readers[0].op_type != "QuantizeLinear":
        return False
    floats = [one for reader in at.view.readers.get(readers[0].output[0], ()) for one in reader.output]
    if not floats or any(_is_read_in_8_bits(at, name) for name in floats):
        return False
    return node.name in at.macs and at.macs[node.name] <= MAX_SHARE * sum(at.macs.values())


def _is_read_in_8_bits(at: Lowering, name: str) -> bool:
    return any(
        at.target(result) is not None for reader in at.view.readers.get(name, ()) for result in reader.output
    )


def write_finer(at: Lowering, product: Product, result: str, compute: Callable[[float, Quant], int]) -> int:
    """The result in floats. `compute` gives the product, in 8 bits of a scale, less a shift."""
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
    return at.add("ADD", [total, level], shape, "float32", fusedActivationFunction=NONE)
