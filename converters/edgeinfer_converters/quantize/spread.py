"""Tensors between integers and floats, with a step and a middle for each channel.

An integer kernel has one scale and one zero point for all channels of a tensor, whose ranges often lie apart.
Where floats are computed from a product's result, or a product reads what was computed in float, each channel
may have its own: a multiplication and an addition in float stand between, and weights and bias are scaled and
shifted for that. The weights that make a result have a scale for each channel anyway, so they lose nothing.
Those that read one become as uneven as the channels were: both meet on the way, as in SmoothQuant (Xiao et
al., 2023, arXiv:2211.10438).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Set
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
import onnx
from onnx import helper, numpy_helper

from edgeinfer.frames import Array
from edgeinfer_converters.graph.naming import free_name, names_of
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

EVENNESS = 0.75
"""How far channels that are read become alike: 1 altogether, 0 not at all. On the last sums of MobileNetV2
the error of reading, that of the weights included, is least here; with 1 the weights' is 4 dB louder."""

Floats = npt.NDArray[np.float64]


@dataclass
class Spread:
    """A graph of the same function, the operators in it that must stay float, for each new tensor of levels
    what its values are, and for each product that reads levels the middles and steps that these have."""

    model: onnx.ModelProto
    floats: set[str] = field(default_factory=set)
    histograms: dict[str, Histogram] = field(default_factory=dict)
    spans: dict[str, tuple[Floats, Floats]] = field(default_factory=dict)


def spread_channels(model: onnx.ModelProto, names: Set[str], extremes: Mapping[str, Extremes]) -> Spread:
    """Give the convolutions `names` a step and a middle for each channel of their results.

    They have constant weights and biases that nothing else reads; `extremes` has those of their results,
    by tensor. Those of which nothing is known are left alone.
    """
    writer = _Writer(GraphView(model))
    return writer.spread(names, writer.write, lambda node: extremes.get(node.output[0]))


def spread_inputs(model: onnx.ModelProto, names: Set[str], extremes: Mapping[str, Extremes]) -> Spread:
    """Give the pointwise convolutions `names` a step and a middle for each channel of their inputs.

    They have constant weights and biases that nothing else reads, and their inputs exist in float; `extremes`
    has those of their inputs, by tensor. Those of which nothing is known are left alone.
    """
    writer = _Writer(GraphView(model))
    return writer.spread(names, writer.read, lambda node: extremes.get(node.input[0]))


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
        self.spans: dict[str, tuple[Floats, Floats]] = {}
        self._levels: dict[str, str] = {}
        self._view = view
        self._taken = names_of(view.model)

    def write(self, node: onnx.NodeProto, extremes: Extremes) -> Iterator[onnx.NodeProto]:
        """The product with levels as its result, and what makes values of these."""
        middle, reach = middle_and_reach(extremes)
        result = node.output[0]
        level, around = self._free(f"{result}_level"), self._free(f"{result}_around")
        yield self._levelled(node, level, middle, reach)
        step = self._constant(f"{result}_reach", reach.reshape(1, -1, 1, 1))
        centre = self._constant(f"{result}_middle", middle.reshape(1, -1, 1, 1))
        yield self._float("Mul", [level, step], around, f"{node.name}_mul_channels")
        yield self._float("Add", [around, centre], result, f"{node.name}_add_channels")
        self.histograms[level] = histogram_of(np.array([-1.0, 1.0], np.float32))

    def read(self, node: onnx.NodeProto, extremes: Extremes) -> Iterator[onnx.NodeProto]:
        """What makes levels of a product's input, once for all readers, and the product that reads these."""
        middle, reach = middle_and_reach(extremes)
        step = reach**EVENNESS
        values = node.input[0]
        if values not in self._levels:
            around, level = self._free(f"{values}_around"), self._free(f"{values}_level")
            centre = self._constant(f"{values}_middle", -middle.reshape(1, -1, 1, 1))
            fraction = self._constant(f"{values}_fraction", 1 / step.reshape(1, -1, 1, 1))
            yield self._float("Add", [values, centre], around, f"{values}_add_channels")
            yield self._float("Mul", [around, fraction], level, f"{values}_mul_channels")
            self._levels[values] = level
            bound = float((reach / step).max())
            self.histograms[level] = histogram_of(np.array([-bound, bound], np.float32))
        weights, bias = (self._view.constant(name) for name in node.input[1:3])
        self._change(node.input[1], scaled_weights(node, weights, np.ones(1), step))
        self._change(node.input[2], bias + weights.reshape(len(weights), -1) @ middle)
        self.spans[node.name] = (middle, step)
        written = onnx.NodeProto()
        written.CopyFrom(node)
        written.input[0] = self._levels[values]
        yield written

    def _float(self, op_type: str, inputs: list[str], output: str, wish: str) -> onnx.NodeProto:
        name = self._free(wish)
        self.floats.add(name)
        return helper.make_node(op_type, inputs, [output], name)

    def spread(
        self,
        names: Set[str],
        written: Callable[[onnx.NodeProto, Extremes], Iterator[onnx.NodeProto]],
        known: Callable[[onnx.NodeProto], Extremes | None],
    ) -> Spread:
        """The graph with the products `names` as `written` has them, where something is known."""
        nodes: list[onnx.NodeProto] = []
        for node in self._view.nodes:
            extremes = known(node) if node.name in names else None
            nodes.extend([node] if extremes is None else written(node, extremes))
        changed = with_initializers(self._view.model, self.constants.values())
        copies = [onnx.NodeProto.FromString(node.SerializeToString()) for node in nodes]
        for part in ("node", "value_info"):
            changed.graph.ClearField(part)
        changed.graph.node.extend(copies)
        return Spread(infer_shapes(changed), self.floats, self.histograms, self.spans)

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
