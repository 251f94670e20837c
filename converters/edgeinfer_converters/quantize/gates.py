"""x * sigmoid(x) or HardSwish behind a convolution: where it is, and how its channels could have one range.

All channels then reach from -share to 1. A channel that is nearly always closed has next to nothing above
zero and wants as many levels below it; the others want few there.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import onnx

from edgeinfer_converters.graph.view import GraphView
from edgeinfer_converters.graph.walk import is_standard
from edgeinfer_converters.quantize.activations import is_silu
from edgeinfer_converters.quantize.extremes import Extremes
from edgeinfer_converters.quantize.operators import product_fault

CLOSED = -8.0
"""Below, x * sigmoid(x) is within 0.003 of zero."""

HARD_CLOSED = -3.0
"""Below, HardSwish is zero."""

SHARES = np.arange(127, 11, -5) / (255 - np.arange(127, 11, -5))
"""How far all channels go below zero, of how far they go above it: the shares that are tried. Both ends of
such a range are whole steps from zero."""

_SMALLEST = 1e-6
Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Gate:
    """A gate behind a convolution: what is read from `source` and becomes `target`.

    `nodes`: Sigmoid and Mul, or HardSwish alone. `readers`: what the result goes to.
    """

    conv: onnx.NodeProto
    nodes: tuple[onnx.NodeProto, ...]
    readers: tuple[onnx.NodeProto, ...]

    @property
    def source(self) -> str:
        return str(self.conv.output[0])

    @property
    def target(self) -> str:
        return str(self.nodes[-1].output[0])

    @property
    def name(self) -> str:
        """That of the operator which makes the target."""
        return str(self.nodes[-1].name)

    @property
    def is_hard(self) -> bool:
        return self.nodes[-1].op_type == "HardSwish"

    @property
    def closed(self) -> float:
        """What is smaller does not come through."""
        return HARD_CLOSED if self.is_hard else CLOSED

    @property
    def most(self) -> float:
        """What a divided gate multiplies by where it is open: TFLite's kernels clamp to 6, not to 1."""
        return 6.0 if self.is_hard else 1.0


def gate_tensors(view: GraphView) -> tuple[str, ...]:
    """The tensors whose ranges of channels are of interest."""
    return tuple(gate.source for gate in find_gates(view))


def find_gates(view: GraphView) -> list[Gate]:
    """The gates behind a convolution that only convolutions read, in topological order."""
    found = []
    for conv in view.nodes:
        if conv.op_type != "Conv" or len(conv.input) < 3 or product_fault(conv, view):
            continue
        nodes = _gate_nodes(view, conv.output[0])
        if not nodes or len(view.shapes.get(conv.output[0], ())) != 4:
            continue
        gate = Gate(conv, nodes, view.readers.get(nodes[-1].output[0], ()))
        readers_fit = all(one.op_type == "Conv" and not product_fault(one, view) for one in gate.readers)
        if gate.readers and readers_fit and gate.target not in view.outputs and _own_weights(view, gate):
            found.append(gate)
    return found


def _gate_nodes(view: GraphView, name: str) -> tuple[onnx.NodeProto, ...]:
    readers = view.readers.get(name, ())
    if view.is_private(name) and readers[0].op_type == "HardSwish" and is_standard(readers[0]):
        return readers
    if not is_silu(view, name):
        return ()
    by_type: dict[str, onnx.NodeProto] = {node.op_type: node for node in readers}
    return by_type["Sigmoid"], by_type["Mul"]


def _own_weights(view: GraphView, gate: Gate) -> bool:
    names = [*gate.conv.input[1:3], *(reader.input[1] for reader in gate.readers)]
    return all(len(view.readers[name]) == 1 for name in names)


def few_levels(extremes: Extremes, levels: int, closed: float = CLOSED) -> float:
    """The share of channels that would have fewer than `levels` of 256 with one scale for all.

    A channel counts as far as it goes from zero, and below as far as it matters behind the gate, to `closed`.
    """
    reach = np.maximum(extremes.high, np.minimum(-extremes.low, -closed)).astype(np.float64)
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
