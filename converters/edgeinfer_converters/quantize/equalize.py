"""Cross-layer equalization: channels of one tensor get ranges alike, so that one scale suits them all.

A channel that is scaled up in the weights that make it is scaled down in the weights that read it; the
float model computes the same. Depthwise convolutions pass it on for nothing, as their weights have a
scale for each channel. Where a Clip bounds a channel from above (ReLU6), only channels below the bound are
raised, and no further than leaves them room.
Source: Nagel et al., "Data-Free Quantization Through Weight Equalization and Bias Correction" (ICCV 2019);
here with measured ranges of activations in place of those of weights.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt
import onnx
from onnx import numpy_helper

from edgeinfer.frames import Array
from edgeinfer_converters.graph.view import GraphView, attribute
from edgeinfer_converters.graph.weights import with_initializers
from edgeinfer_converters.quantize.channels import ChannelClasses, channel_classes
from edgeinfer_converters.quantize.extremes import Extremes
from edgeinfer_converters.quantize.placement import place

STRENGTH = 0.75
"""1 makes all ranges of a tensor equal; weights then pay for what activations gain."""

BOUNDED_STRENGTH = 0.5
ROOM = 1.3
"""What calibration has not seen may be larger by this factor before a Clip cuts it off."""

MAX_FACTOR = 32.0
Floats = npt.NDArray[np.float64]


def equalized_tensors(view: GraphView) -> tuple[str, ...]:
    """The quantized tensors with a channel that could be scaled: whose ranges `equalize` needs."""
    found = channel_classes(view)
    return tuple(
        name
        for name in place(view).tensors
        if name in found.classes and not found.fixed[found.classes[name]].all()
    )


def equalize(model: onnx.ModelProto, ranges: Mapping[str, Extremes]) -> onnx.ModelProto:
    """The same function with other weights. `ranges` has those of `equalized_tensors`."""
    view = GraphView(model)
    found = channel_classes(view)
    factors = _factors(found, {name: ranges[name].largest for name in equalized_tensors(view)})
    by_tensor = {name: factors[indices] for name, indices in found.classes.items()}
    constants = dict(view.initializers)
    for node in view.nodes:
        if node.name in found.products:
            made, read = by_tensor[node.output[0]], by_tensor[node.input[0]]
            new = {node.input[1]: scaled_weights(node, view.constant(node.input[1]), made, read)}
            if len(node.input) > 2 and node.input[2]:
                new[node.input[2]] = view.constant(node.input[2]) / made
            for name, values in new.items():
                constants[name] = numpy_helper.from_array(values.astype(np.float32), name)
    return with_initializers(model, constants.values())


def _factors(found: ChannelClasses, ranges: Mapping[str, npt.NDArray[np.float32]]) -> Floats:
    """What the channels of each class are divided by: at most 1."""
    shares, bounded = np.zeros(found.count), np.zeros(found.count, bool)
    for name, largest in ranges.items():
        if name in found.bounds:
            bounded[found.classes[name]] = True
            np.maximum.at(shares, found.classes[name], largest * (ROOM / found.bounds[name]))
    for name, largest in ranges.items():
        free = ~bounded[found.classes[name]]
        peak = float(largest.max(initial=0.0))
        if peak > 0:
            np.maximum.at(shares, found.classes[name][free], largest[free] / peak)
    strengths = np.where(bounded, BOUNDED_STRENGTH, STRENGTH)
    factors: Floats = np.clip(np.minimum(shares, 1.0) ** strengths, 1 / MAX_FACTOR, 1.0)
    factors[found.fixed | (shares == 0)] = 1.0
    return factors


def scaled_weights(node: onnx.NodeProto, weights: Array, made: Floats, read: Floats) -> Array:
    """Weights whose outputs are divided by `made`, for inputs that are divided by `read`.

    Both have one number a channel, or a single one for all of them.
    """
    if node.op_type == "Gemm":
        across = np.outer(1 / made, read)
        return weights * (across if attribute(node, "transB", 0) else across.T)
    groups = attribute(node, "group", 1)
    inputs = np.broadcast_to(read, weights.shape[1] * groups).reshape(groups, -1)
    by_input = np.repeat(inputs, len(weights) // groups, axis=0)
    tail = (1,) * (weights.ndim - 2)
    return weights * by_input.reshape(*by_input.shape, *tail) / made.reshape(-1, 1, *tail)
