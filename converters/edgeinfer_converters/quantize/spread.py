"""Results that floats read, with a step and a middle for each channel.

An integer kernel writes one scale and one zero point for all channels of its result, whose ranges often
lie apart. Where floats are computed from that result, each channel may have its own: the product gives
every channel between -1 and 1, its weights and bias scaled and shifted for that, and behind it a
multiplication and an addition in float take it back. Weights have a scale for each output channel anyway,
so they lose nothing.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Set
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
import onnx
from onnx import helper, numpy_helper

from edgeinfer.frames import Array
from edgeinfer_converters.graph.naming import free_name
from edgeinfer_converters.graph.shapes import infer_shapes
from edgeinfer_converters.graph.view import GraphView
from edgeinfer_converters.graph.weights import with_initializers
from edgeinfer_converters.quantize.equalize import scaled_weights
from edgeinfer_converters.quantize.extremes import Extremes
from edgeinfer_converters.quantize.histogram import Histogram, histogram_of

ROOM = 1.15
"""What calibration has not seen may be further from a channel's middle by this factor."""

LEAST_REACH = 0.25
"""Of the widest channel's: narrower ones make a sixteenth of its noise, and should rather not be cut off."""

Floats = npt.NDArray[np.float64]


@dataclass
class Spread:
    """A graph of the same function, the operators in it that must stay float, and for each new tensor of
    levels what its values are."""

    model: onnx.ModelProto
    floats: set[str] = field(default_factory=set)
    histograms: dict[str, Histogram] = field(default_factory=dict)


def spread_channels(model: onnx.ModelProto, names: Set[str], extremes: Mapping[str, Extremes]) -> Spread:
    """Give the convolutions `names` a step and a middle for each channel of their results.

    They have constant weights and biases that nothing else reads; `extremes` has those of their results,
    by tensor. Those of which nothing is known are left alone.
    """
    view = GraphView(model)
    writer = _Writer(view)
    nodes: list[onnx.NodeProto] = []
    for node in view.nodes:
        known = extremes.get(node.output[0]) if node.name in names else None
        nodes.extend([node] if known is None else writer.write(node, known))
    changed = with_initializers(model, writer.constants.values())
    copies = [onnx.NodeProto.FromString(node.SerializeToString()) for node in nodes]
    for part in ("node", "value_info"):
        changed.graph.ClearField(part)
    changed.graph.node.extend(copies)
    return Spread(infer_shapes(changed), writer.floats, writer.histograms)


def middle_and_reach(extremes: Extremes) -> tuple[Floats, Floats]:
    """The middle of each channel's range, and how far from it its values may lie, with some room."""
    low, high = extremes.low.astype(np.float64), extremes.high.astype(np.float64)
    reach = (high - low) * (ROOM / 2)
    widest = float(reach.max(initial=0.0)) or 1.0
    return (low + high) / 2, np.maximum(reach, LEAST_REACH * widest)


class _Writer:
    def __init__(self, view: GraphView) -> None:
        self.constants = dict(view.initializers)
        self.floats: set[str] = set()
        self.histograms: dict[str, Histogram] = {}
        self._view = view
        self._taken = {name for node in view.nodes for name in (node.name, *node.input, *node.output)}
        self._taken |= {*view.inputs, *view.initializers}

    def write(self, node: onnx.NodeProto, extremes: Extremes) -> Iterator[onnx.NodeProto]:
        """The product with levels as its result, and what makes values of these."""
        middle, reach = middle_and_reach(extremes)
        result = node.output[0]
        level, around = self._free(f"{result}_level"), self._free(f"{result}_around")
        yield self._levelled(node, level, middle, reach)
        step = self._constant(f"{result}_reach", reach.reshape(1, -1, 1, 1))
        centre = self._constant(f"{result}_middle", middle.reshape(1, -1, 1, 1))
        for op_type, inputs, output in (("Mul", [level, step], around), ("Add", [around, centre], result)):
            name = self._free(f"{node.name}_{op_type.lower()}_channels")
            self.floats.add(name)
            yield helper.make_node(op_type, inputs, [output], name)
        self.histograms[level] = histogram_of(np.array([-1.0, 1.0], np.float32))

    def _levelled(self, node: onnx.NodeProto, level: str, middle: Floats, reach: Floats) -> onnx.NodeProto:
        weights, bias = (self._view.constant(name) for name in node.input[1:3])
        self._change(node.input[1], scaled_weights(node, weights, reach, np.ones(1)))
        self._change(node.input[2], (bias - middle) / reach)
        written = onnx.NodeProto()
        written.CopyFrom(node)
        written.output[0] = level
        return written

    def _change(self, name: str, values: Array) -> None:
        self.constants[name] = numpy_helper.from_array(values.astype(np.float32), name)

    def _constant(self, wish: str, values: Array) -> str:
        name = self._free(wish)
        self._change(name, values)
        return name

    def _free(self, wish: str) -> str:
        name = free_name(wish, self._taken)
        self._taken.add(name)
        return name
