"""Every second pixel, four times, joined: SPACE_TO_DEPTH.

So YOLO's first layer is exported (Focus). STRIDED_SLICE is no operator of XNNPACK, and LiteRT's own kernel
takes twenty times as long. The blocks mostly come in another order; a convolution behind them takes that into
its weights.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from edgeinfer_converters.tflite.tensors import Graph, Operator

_CHANNELS = 3
"""The axis of an image's channels."""


@dataclass(frozen=True)
class _Blocks:
    """The parts of a concatenation: of which image, in blocks of which size, and which block each is."""

    source: int
    size: int
    order: tuple[int, ...]


def with_space_to_depth(graph: Graph) -> Graph:
    """The same function, with joined slices as one operator. Changes the graph that is given."""
    writers = {operator.outputs[0]: operator for operator in graph.operators}
    for operator in list(graph.operators):
        found = _blocks(graph, operator, writers)
        if found is not None:
            _replace(graph, operator, found)
    return graph


def _blocks(graph: Graph, operator: Operator, writers: Mapping[int, Operator]) -> _Blocks | None:
    if operator.code != "CONCATENATION" or operator.options["axis"] != _CHANNELS:
        return None
    origins = [_origin(graph, number, writers) for number in operator.inputs]
    source, _, steps = origins[0]
    size, shape = steps[1] if len(steps) > 1 else 1, graph.tensors[source].shape
    places = [(begin[1:3], begin[0], begin[3]) for _, begin, _ in origins if len(begin) == len(shape) == 4]
    if size < 2 or len(places) != size * size or any(side % size for side in shape[1:3]):
        return None
    if any((one, by) != (source, (1, size, size, 1)) for one, _, by in origins):
        return None
    batch, height, width, channels = shape
    part = (batch, height // size, width // size, channels)
    if any(graph.tensors[number].shape != part for number in operator.inputs):
        return None
    order = tuple(row * size + column for (row, column), _, _ in places)
    return _Blocks(source, size, order) if sorted(order) == list(range(size * size)) else None


def _origin(
    graph: Graph, number: int, writers: Mapping[int, Operator]
) -> tuple[int, tuple[int, ...], tuple[int, ...]]:
    """The tensor that slices were cut from, one out of the other; where they begin in it, and their steps."""
    rank = len(graph.tensors[number].shape)
    begin, steps = np.zeros(rank, int), np.ones(rank, int)
    while (writer := writers.get(number)) is not None and writer.code == "STRIDED_SLICE":
        first, by = (graph.tensors[one].data for one in (writer.inputs[1], writer.inputs[3]))
        if first is None or by is None or (by < 1).any():
            break
        begin, steps, number = first + by * begin, by * steps, writer.inputs[0]
    return number, tuple(begin.tolist()), tuple(steps.tolist())


def _replace(graph: Graph, concat: Operator, blocks: _Blocks) -> None:
    result = concat.outputs[0]
    found = graph.tensors[result]
    place = graph.operators.index(concat)
    readers = [operator for operator in graph.operators if result in operator.inputs]
    ordered = blocks.order == tuple(range(len(blocks.order)))
    if ordered or (result not in graph.outputs and all(_is_conv(graph, one, result) for one in readers)):
        graph.operators[place] = Operator(
            "SPACE_TO_DEPTH", [blocks.source], [result], {"blockSize": blocks.size}
        )
        for reader in readers if not ordered else ():
            reader.inputs[1] = _reordered(graph, reader.inputs[1], blocks.order)
        return
    deep = graph.tensor(f"{found.name}_blocks", found.shape, found.dtype, found.quant)
    count = len(blocks.order)
    part = (*found.shape[:_CHANNELS], found.shape[_CHANNELS] // count)
    parts = [
        graph.tensor(f"{found.name}_block_{one}", part, found.dtype, found.quant) for one in range(count)
    ]
    axis = graph.constant(np.array(_CHANNELS, np.int32), "axis")
    graph.operators[place : place + 1] = [
        Operator("SPACE_TO_DEPTH", [blocks.source], [deep], {"blockSize": blocks.size}),
        Operator("SPLIT", [axis, deep], parts, {"numSplits": count}),
        Operator("CONCATENATION", [parts[one] for one in blocks.order], [result], concat.options),
    ]


def _is_conv(graph: Graph, operator: Operator, source: int) -> bool:
    weights = graph.tensors[operator.inputs[1]] if operator.code == "CONV_2D" else None
    if weights is None or weights.data is None or operator.inputs[0] != source:
        return False
    return weights.shape[_CHANNELS] == graph.tensors[source].shape[_CHANNELS]


def _reordered(graph: Graph, weights: int, order: tuple[int, ...]) -> int:
    """Weights (O, H, W, I) for input channels in the order of SPACE_TO_DEPTH's blocks."""
    found = graph.tensors[weights]
    if found.data is None:
        raise AssertionError("weights are constant")
    channels = found.shape[_CHANNELS] // len(order)
    places = np.concatenate([np.arange(channels) + one * channels for one in np.argsort(order)])
    return graph.constant(found.data[..., places], found.name, found.quant)
