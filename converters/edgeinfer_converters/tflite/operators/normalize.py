"""Normalizations: by the statistics of the values themselves, or by given ones.

All compute in the layout in which the tensor is stored: statistics over axes, wherever these lie.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import prod

import numpy as np

from edgeinfer_converters.tflite.broadcast import read_operand
from edgeinfer_converters.tflite.faults import UnsupportedError
from edgeinfer_converters.tflite.layouts import channels_last, plain, stored_axis, stored_shape
from edgeinfer_converters.tflite.lowering import Lowering, Table
from edgeinfer_converters.tflite.nodes import Node
from edgeinfer_converters.tflite.operators.activations import apply
from edgeinfer_converters.tflite.steps import along, combine, reduced, shape_of, with_number

_TINIEST = float(np.finfo(np.float32).tiny)


def batch_normalization(node: Node, at: Lowering) -> None:
    """BatchNormalization: with constant statistics a factor and a summand for each channel."""
    if node.integer("training_mode", 0):
        _train(node, at)
        return
    if any(node.outputs[1:]):
        raise UnsupportedError("it gives statistics though it is not in training mode")
    if any(at.constant(name) is None for name in node.inputs[1:5]):
        _with_statistics(node, at)
        return
    name, rank = node.inputs[0], at.rank(node.inputs[0])
    layout = at.layout(name)
    scale, bias, mean, variance = (
        at.need_constant(node, index, "statistics").astype(np.float64) for index in range(1, 5)
    )
    factor = scale / np.sqrt(variance + node.real("epsilon", 1e-5))
    by_channel = [1] * rank
    by_channel[1 if rank > 1 else 0] = -1
    tensor = read_operand(at, name, layout)
    for code, values in (("MUL", factor), ("ADD", bias - mean * factor)):
        shaped = values.astype(np.float32).reshape(by_channel).transpose(layout)
        tensor = combine(at, code, tensor, at.const(shaped))
    at.write(node.outputs[0], tensor, layout)


def _with_statistics(node: Node, at: Lowering) -> None:
    name = node.inputs[0]
    mean, variance = (_by_channel(at, node.input(index), name) for index in (3, 4))
    centred = combine(at, "SUB", at.read(name, at.layout(name)), mean)
    _write_scaled(node, at, centred, _inverse_deviation(node, at, variance))


def _train(node: Node, at: Lowering) -> None:
    """Statistics of the batch; the second and third output are the running ones brought forward."""
    name = node.inputs[0]
    axes = tuple(axis for axis in range(at.rank(name)) if axis != 1)
    mean, centred, variance = _statistics(at, at.read(name, at.layout(name)), _places(at, name, axes))
    momentum = node.real("momentum", 0.9)
    for index, current in ((1, mean), (2, variance)):
        if index < len(node.outputs) and node.outputs[index]:
            before = with_number(at, "MUL", at.read(node.input(index + 2)), momentum)
            now = with_number(at, "MUL", at.reshape(current, shape_of(at, before)), 1.0 - momentum)
            at.write(node.outputs[index], combine(at, "ADD", before, now))
    _write_scaled(node, at, centred, _inverse_deviation(node, at, variance))


def _write_scaled(node: Node, at: Lowering, centred: int, factor: int) -> None:
    """centred * factor * scale + bias with a scale and a bias for each channel."""
    name = node.inputs[0]
    factor = combine(at, "MUL", factor, _by_channel(at, node.input(1), name))
    product = combine(at, "MUL", centred, factor)
    at.write(
        node.outputs[0],
        combine(at, "ADD", product, _by_channel(at, node.input(2), name)),
        at.layout(name),
    )


def instance_normalization(node: Node, at: Lowering) -> None:
    """InstanceNormalization: each channel of each image by its own mean and variance."""
    name = node.inputs[0]
    axes = tuple(range(2, at.rank(name)))
    _, centred, variance = _statistics(at, at.read(name, at.layout(name)), _places(at, name, axes))
    _write_scaled(node, at, centred, _inverse_deviation(node, at, variance))


def group_normalization(node: Node, at: Lowering) -> None:
    """GroupNormalization: groups of channels; scale and bias are for channels, before opset 21 for groups."""
    name, groups = node.inputs[0], node.integer("num_groups", 1)
    at.facts.types[node.outputs[0]] = at.facts.types[name]  # onnx infers no type where opsets are mixed
    batch, channels, *spatial = at.shape(name)
    last = at.layout(name) == channels_last(at.rank(name))
    layout = channels_last(at.rank(name)) if last else plain(at.rank(name))
    size, inner = prod(spatial), channels // groups
    split = (batch, size, groups, inner) if last else (batch, groups, inner, size)
    source = at.read(name, layout)
    _, centred, variance = _statistics(at, at.reshape(source, split), (1, 3) if last else (2, 3))
    parameters = []
    for index in (1, 2):
        values = at.read(node.input(index))
        each = shape_of(at, values)[0] // groups
        parameters.append(at.reshape(values, (1, 1, groups, each) if last else (1, groups, each, 1)))
    factor = combine(at, "MUL", _inverse_deviation(node, at, variance), parameters[0])
    result = combine(at, "ADD", combine(at, "MUL", centred, factor), parameters[1])
    at.write(node.outputs[0], at.reshape(result, shape_of(at, source)), layout)


def layer_normalization(node: Node, at: Lowering) -> None:
    """LayerNormalization over the last axes; mean and inverse deviation are given where they are wanted."""
    name, layout = node.inputs[0], at.layout(node.inputs[0])
    places = _places(at, name, _last_axes(node, at))
    mean, centred, variance = _statistics(at, at.read(name, layout), places)
    factor = _inverse_deviation(node, at, variance)
    result = combine(at, "MUL", centred, factor)
    result = combine(at, "MUL", result, read_operand(at, node.input(1), layout))
    if node.input(2):
        result = combine(at, "ADD", result, read_operand(at, node.input(2), layout))
    at.write(node.outputs[0], result, layout)
    for output, tensor in zip(node.outputs[1:], (mean, factor), strict=False):
        if output:
            at.write(output, tensor, layout)


def rms_normalization(node: Node, at: Lowering) -> None:
    """RMSNormalization: by the root of the mean square, without centring."""
    name, layout = node.inputs[0], at.layout(node.inputs[0])
    source = at.read(name, layout)
    squares = reduced(at, "MEAN", _square(at, source), _places(at, name, _last_axes(node, at)))
    result = combine(at, "MUL", source, _inverse_deviation(node, at, squares))
    at.write(node.outputs[0], combine(at, "MUL", result, read_operand(at, node.input(1), layout)), layout)


def mean_variance_normalization(node: Node, at: Lowering) -> None:
    """MeanVarianceNormalization: over batch and image unless told otherwise."""
    name, layout = node.inputs[0], at.layout(node.inputs[0])
    places = _places(at, name, node.integers("axes", (0, 2, 3)))
    _, centred, variance = _statistics(at, at.read(name, layout), places)
    deviation = with_number(at, "ADD", apply(at, "SQRT", variance), 1e-9)
    at.write(node.outputs[0], combine(at, "DIV", centred, deviation), layout)


def lp_normalization(node: Node, at: Lowering) -> None:
    """LpNormalization along one axis; what is zero throughout stays zero."""
    name, layout = node.inputs[0], at.layout(node.inputs[0])
    places = _places(at, name, (node.integer("axis", -1),))
    source = at.read(name, layout)
    if node.integer("p", 2) == 1:
        norm = reduced(at, "SUM", apply(at, "ABS", source), places)
    else:
        norm = apply(at, "SQRT", reduced(at, "SUM", _square(at, source), places))
    at.write(node.outputs[0], combine(at, "DIV", source, with_number(at, "MAXIMUM", norm, _TINIEST)), layout)


def lrn(node: Node, at: Lowering) -> None:
    """LRN: over neighbouring channels. TFLite's kernel reaches equally far to both sides."""
    name, rank = node.inputs[0], at.rank(node.inputs[0])
    layout, size = channels_last(rank), node.integer("size", 1)
    alpha, beta = node.real("alpha", 1e-4) / size, node.real("beta", 0.75)
    bias = node.real("bias", 1.0)
    source = at.read(name, layout)
    shape = shape_of(at, source)
    flat = at.reshape(source, (shape[0], 1, prod(shape[1:-1]), shape[-1]))
    if size % 2:
        options = {"radius": size // 2, "bias": bias, "alpha": alpha, "beta": beta}
        result = apply(at, "LOCAL_RESPONSE_NORMALIZATION", flat, **options)
    else:
        sums = along(at, _square(at, flat), 3, _band(shape[-1], (size - 1) // 2, size // 2))
        scaled = with_number(at, "ADD", with_number(at, "MUL", sums, alpha), bias)
        result = combine(at, "MUL", flat, with_number(at, "POW", scaled, -beta))
    at.write(node.outputs[0], at.reshape(result, shape), layout)


def _band(side: int, before: int, after: int) -> np.ndarray[tuple[int, int], np.dtype[np.float32]]:
    """The matrix that sums up neighbours."""
    distance = np.arange(side) - np.arange(side)[:, None]
    return ((distance >= -before) & (distance <= after)).astype(np.float32)


def _places(at: Lowering, name: str, axes: Sequence[int]) -> tuple[int, ...]:
    """Where axes are in the stored tensor."""
    return tuple(sorted({stored_axis(axis, at.layout(name)) for axis in axes}))


def _last_axes(node: Node, at: Lowering) -> tuple[int, ...]:
    rank = at.rank(node.inputs[0])
    return tuple(range(node.integer("axis", -1) % rank, rank))


def _statistics(at: Lowering, source: int, places: tuple[int, ...]) -> tuple[int, int, int]:
    """Mean, distance from the mean, and variance. The distance first: so a large mean costs no decimals."""
    mean = reduced(at, "MEAN", source, places) if places else source
    centred = combine(at, "SUB", source, mean)
    squares = _square(at, centred)
    return mean, centred, reduced(at, "MEAN", squares, places) if places else squares


def _square(at: Lowering, tensor: int) -> int:
    return apply(at, "SQUARE", tensor)


def _inverse_deviation(node: Node, at: Lowering, variance: int) -> int:
    return apply(at, "RSQRT", with_number(at, "ADD", variance, node.real("epsilon", 1e-5)))


def _by_channel(at: Lowering, vector: str, name: str) -> int:
    """A number for each channel, in the layout of a tensor."""
    rank, layout = at.rank(name), at.layout(name)
    sides = (1,) * rank if rank < 2 else (1, at.shape(name)[1], *(1,) * (rank - 2))
    return at.reshape(at.read(vector), stored_shape(sides, layout))


OPERATORS: Table = {
    "BatchNormalization": batch_normalization,
    "GroupNormalization": group_normalization,
    "InstanceNormalization": instance_normalization,
    "LRN": lrn,
    "LayerNormalization": layer_normalization,
    "LpNormalization": lp_normalization,
    "MeanVarianceNormalization": mean_variance_normalization,
    "RMSNormalization": rms_normalization,
}
