"""Means of 8-bit tensors: sums at another scale, and convolutions.

The 8-bit MEAN of LiteRT's own kernels, and of tflite-runtime 2.14 whatever its delegate, is off by a step
where XNNPACK's is not; SUM is rounded alike everywhere, and takes as long. A sum of n numbers at n times
the scale of the mean is stored as the same integers. What says so is a MUL by a one of the scale 1/n, which
rounds nothing; where only products with constant weights read it the count goes into their scales instead.

Means of small windows are depthwise convolutions whose weights are all alike: XNNPACK takes no
AVERAGE_POOL_2D of 8 bits, LiteRT's own takes three to seven times as long, and cannot change the scale.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from edgeinfer_converters.quantize.operators import MOST_TAPS
from edgeinfer_converters.tflite.images import ordered
from edgeinfer_converters.tflite.lowering import Lowering
from edgeinfer_converters.tflite.tensors import Graph, Operator, Quant
from edgeinfer_converters.tflite.windows import Window

_PRODUCTS = frozenset({"CONV_2D", "FULLY_CONNECTED"})

_WEIGHT = 127


def write_mean(at: Lowering, source: int, axes: Sequence[int], shape: Sequence[int], target: Quant) -> int:
    """The mean of an 8-bit tensor over some axes, at a scale; the axes stay, with a length of 1."""
    sides = at.graph.tensors[source].shape
    count = int(np.prod([sides[axis] for axis in axes]))
    total = Quant.whole(target.scales[0] * count, target.zero_points[0])
    sums = at.add("SUM", [source, at.const(axes)], shape, "int8", total, keepDims=True)
    one = at.graph.constant(np.ones((1,), np.int8), "one", Quant.whole(1 / count, 0))
    return at.add("MUL", [sums, one], shape, "int8", target, fusedActivationFunction="NONE")


def is_small(window: Window) -> bool:
    """Whether XNNPACK has a kernel for depthwise convolutions of that window; of larger ones they take ten
    times as long as AVERAGE_POOL_2D."""
    return int(np.prod(window.kernel)) <= MOST_TAPS


def write_window_means(at: Lowering, image: int, window: Window, target: Quant) -> int:
    """The means of an 8-bit image (N, H, W, C) in windows without gaps, at a scale; borders are zeros."""
    source, padding = ordered(at, image, window)
    found = at.graph.tensors[source]
    if found.quant is None:
        raise AssertionError("the image has a scale")
    channels, step = found.shape[-1], 1 / (_WEIGHT * float(np.prod(window.kernel)))
    weights = np.full((1, *window.kernel, channels), _WEIGHT, np.int8)
    bias = Quant.whole(step * found.quant.scales[0], 0)
    operands = [
        source,
        at.graph.constant(weights, "equal_weights", Quant.whole(step, 0)),
        at.graph.constant(np.zeros(channels, np.int32), "no_bias", bias),
    ]
    sides = [
        -(-side // stride) if padding == "SAME" else (side - size) // stride + 1
        for side, size, stride in zip(found.shape[1:3], window.kernel, window.strides, strict=True)
    ]
    return at.add(
        "DEPTHWISE_CONV_2D",
        operands,
        (found.shape[0], *sides, channels),
        "int8",
        target,
        padding=padding,
        strideH=window.strides[0],
        strideW=window.strides[1],
        dilationHFactor=1,
        dilationWFactor=1,
        depthMultiplier=1,
        fusedActivationFunction="NONE",
    )


def with_counts_in_weights(graph: Graph) -> Graph:
    """The same function, with the counts of means in the scales of the weights that are all that reads them.

    Changes the graph that is given.
    """
    for operator in [one for one in graph.operators if _is_count(graph, one)]:
        behind = _readers(graph, operator.outputs[0])
        if behind is not None:
            _fold(graph, operator, behind)
    return graph


def _is_count(graph: Graph, operator: Operator) -> bool:
    """Whether an operator multiplies by one, and only says at which scale integers are."""
    if operator.code != "MUL":
        return False
    source, factor, result = (graph.tensors[number] for number in (*operator.inputs, *operator.outputs))
    if source.quant is None or factor.quant is None or result.quant is None or factor.data is None:
        return False
    if factor.data.size != 1 or factor.data.item() != 1 or factor.quant.zero_points != (0,):
        return False
    relabelled = source.quant.scales[0] * factor.quant.scales[0]
    return bool(np.isclose(relabelled, result.quant.scales[0], rtol=1e-6))


def _readers(graph: Graph, number: int) -> list[Operator] | None:
    """Reshapes and products behind a tensor; None where something else reads it too."""
    found: list[Operator] = []
    if number in graph.outputs:
        return None
    for operator in graph.operators:
        if number not in operator.inputs:
            continue
        if operator.code == "RESHAPE":
            further = _readers(graph, operator.outputs[0])
            if further is None:
                return None
            found += [operator, *further]
        elif operator.code in _PRODUCTS and _has_weights(graph, operator) and operator.inputs[0] == number:
            found.append(operator)
        else:
            return None
    return found or None


def _has_weights(graph: Graph, operator: Operator) -> bool:
    weights = graph.tensors[operator.inputs[1]]
    return weights.data is not None and weights.quant is not None


def _fold(graph: Graph, count: Operator, behind: list[Operator]) -> None:
    source, factor = (graph.tensors[number].quant for number in count.inputs)
    if source is None or factor is None:
        raise AssertionError("a count has scales")
    for operator in behind:
        operator.inputs = [count.inputs[0] if one == count.outputs[0] else one for one in operator.inputs]
        if operator.code == "RESHAPE":
            graph.tensors[operator.outputs[0]].quant = source
            continue
        weights = graph.tensors[operator.inputs[1]]
        if weights.data is None or weights.quant is None:
            raise AssertionError("weights are constant and have scales")
        scales = tuple(scale * factor.scales[0] for scale in weights.quant.scales)
        operator.inputs[1] = graph.constant(weights.data, weights.name, replace(weights.quant, scales=scales))
    graph.operators.remove(count)
