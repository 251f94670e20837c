"""x * sigmoid(x) behind a convolution: where it is, and how its channels could have one range.

All channels then reach from -share to 1. A channel that is nearly always closed has next to nothing above
zero and wants as many levels below it; the others want few there.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import onnx

from edgeinfer_converters.graph.view import GraphView
from edgeinfer_converters.quantize.activations import is_silu
from edgeinfer_converters.quantize.extremes import Extremes
from edgeinfer_converters.quantize.operators import product_fault

CLOSED = -8.0
"""Below, x * sigmoid(x) is within 0.003 of zero."""

SHARES = np.arange(127, 11, -5) / (255 - np.arange(127, 11, -5))
"""How far all channels go below zero, of how far they go above it: the shares that are tried. Both ends of
such a range are whole steps from zero."""

_SMALLEST = 1e-6
Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Gate:
    """x * sigmoid(x) behind a convolution: what is read from `source` and becomes `target`."""

    conv: onnx.NodeProto
    sigmoid: onnx.NodeProto
    mul: onnx.NodeProto
    readers: tuple[onnx.NodeProto, ...]

    @property
    def source(self) -> str:
        return str(self.conv.output[0])

    @property
    def target(self) -> str:
        return str(self.mul.output[0])


def gate_tensors(view: GraphView) -> tuple[str, ...]:
    """The tensors whose ranges of channels are of interest."""
    return tuple(gate.source for gate in find_gates(view))


def find_gates(view: GraphView) -> list[Gate]:
    """The gates behind a convolution that only convolutions read, in topological order."""
    found = []
    for conv in view.nodes:
        if conv.op_type != "Conv" or len(conv.input) < 3 or product_fault(conv, view):
            continue
        if len(view.shapes.get(conv.output[0], ())) != 4 or not is_silu(view, conv.output[0]):
            continue
        by_type = {node.op_type: node for node in view.readers[conv.output[0]]}
        gate = Gate(conv, by_type["Sigmoid"], by_type["Mul"], view.readers.get(by_type["Mul"].output[0], ()))
        readers_fit = all(one.op_type == "Conv" and not product_fault(one, view) for one in gate.readers)
        if gate.readers and readers_fit and gate.target not in view.outputs and _own_weights(view, gate):
            found.append(gate)
    return found


def _own_weights(view: GraphView, gate: Gate) -> bool:
    names = [*gate.conv.input[1:3], *(reader.input[1] for reader in gate.readers)]
    return all(len(view.readers[name]) == 1 for name in names)


def few_levels(extremes: Extremes, levels: int) -> float:
    """The share of channels that would have fewer than `levels` of 256 with one scale for all.

    A channel counts as far as it goes from zero, and below as far as it matters behind the gate.
    """
    reach = np.maximum(extremes.high, np.minimum(-extremes.low, -CLOSED)).astype(np.float64)
    return float((reach < reach.max(initial=0.0) * levels / 256).mean())


def common_range(above: Floats, below: Floats) -> tuple[Floats, float]:
    """What brings channels from -below to above into one range from -share to 1; and this share.

    The share is the one with which the noise of rounding is least, as a part of each channel's reach.
    """
    reach = np.maximum(np.maximum(above, below), _SMALLEST)
    divisors = [np.maximum(np.maximum(above, below / share), _SMALLEST) for share in SHARES]
    noises = [
        (1 + share) ** 2 * np.square(one / reach).sum() for share, one in zip(SHARES, divisors, strict=True)
    ]
    best = int(np.argmin(noises))
    return divisors[best], float(SHARES[best])
