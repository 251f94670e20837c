"""What each group of channels can do without, from the inputs of its consumers on samples."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import onnx

from edgeinfer.frames import Array
from edgeinfer_converters.calibration.streaming import stream
from edgeinfer_converters.graph.view import GraphView
from edgeinfer_converters.prune.elimination import Consumer, Elimination, Indices, damped, eliminate
from edgeinfer_converters.prune.groups import Group, Lane
from edgeinfer_converters.prune.moments import Floats
from edgeinfer_converters.quantize.columns import Columns, as_rows, columns_of
from edgeinfer_converters.quantize.hessian import Gram, GramObserver, Grams, gram_observers
from edgeinfer_converters.quantize.operators import bias_input


@dataclass(frozen=True)
class Reader:
    """A product that reads a group: how its columns are made, and those of each channel.

    `columns` (matrices, channels, size): for each Gram matrix the columns of each channel in it, -1 where
    a channel has fewer. `weights` (matrices, outputs, width).
    """

    node: onnx.NodeProto
    make: Columns
    columns: Indices
    weights: Floats
    biased: bool


def observe_grams(
    model: onnx.ModelProto,
    samples: Iterable[Mapping[str, Array]],
    count: int,
    progress: Callable[[int], None] = lambda _: None,
) -> Mapping[str, Gram]:
    """The Gram matrix of each product's inputs, by node name. Raises DataError, ModelError, OSError."""
    view = GraphView(model)
    observers = gram_observers(columns_of(view, every=True))
    by_tensor: dict[str, list[GramObserver]] = {}
    for node in view.nodes:
        if node.name in observers:
            by_tensor.setdefault(node.input[0], []).append(observers[node.name])
    for part in stream(model, tuple(by_tensor), samples, total=count, progress=progress):
        for name, values in part.items():
            for observer in by_tensor[name]:
                observer.update(values)
    return Grams(observers)


def readers_of(view: GraphView, group: Group) -> Sequence[Reader]:
    """The consumers of a group whose columns are known."""
    known = columns_of(view, every=True)
    by_name = {node.name: node for node in view.nodes}
    found = []
    for member in group.consumers:
        node, make = by_name[member.node], known.get(member.node)
        if make is None:
            continue
        rows = as_rows(node, view.constant(node.input[1])).astype(np.float64)
        columns = _places(make, member.activation, view.shapes[node.input[0]], group.channels)
        found.append(Reader(node, make, columns, make.arrange(rows), bias_input(node) is not None))
    return found


def rank(readers: Sequence[Reader], grams: Mapping[str, Gram], channels: int) -> Elimination:
    """The order in which channels go."""
    return eliminate([one for reader in readers for one in _consumers(reader, grams)], channels)


def anchored(ranking: Elimination, group: Group) -> Elimination:
    """The same with the best channel of each of the group's tensors at the end: none may lose all."""
    places = np.argsort(ranking.order)
    best = {int(ranking.order[places[lane.channels].max()]) for lane in group.tensors}
    holds = np.isin(ranking.order, sorted(best))
    order = np.concatenate([ranking.order[~holds], ranking.order[holds]])
    return Elimination(order, ranking.errors, least=len(best))


def gram_of(reader: Reader, grams: Mapping[str, Gram]) -> Floats:
    """(matrices, width, width), without the means where a bias makes up for them."""
    gram = grams[reader.node.name]
    return gram.centred() if reader.biased else gram.matrices


def damped_gram_of(reader: Reader, grams: Mapping[str, Gram]) -> Floats:
    """The same as far as the samples can be believed."""
    rows = grams[reader.node.name].positions
    return np.stack([damped(one, rows) for one in gram_of(reader, grams)])


def _consumers(reader: Reader, grams: Mapping[str, Gram]) -> list[Consumer]:
    gram = gram_of(reader, grams)
    power = float(np.einsum("mow,mwv,mov->", reader.weights, gram, reader.weights, optimize=True))
    return [
        Consumer(matrix, weights, columns, power)
        for matrix, weights, columns in zip(
            damped_gram_of(reader, grams), reader.weights, reader.columns, strict=True
        )
        if (columns >= 0).any()
    ]


def _places(make: Columns, lane: Lane, shape: Sequence[int], channels: int) -> Indices:
    """(matrices, channels, size): the columns of each channel."""
    matrices = make.groups * make.blocks
    each = shape[lane.axis] // matrices
    area = make.width // each
    lists: list[list[list[int]]] = [[[] for _ in range(channels)] for _ in range(matrices)]
    for position, channel in zip(lane.positions.tolist(), lane.channels.tolist(), strict=True):
        first = position % each * area
        lists[position // each][channel].extend(range(first, first + area))
    size = max(len(one) for rows in lists for one in rows)
    places = np.full((matrices, channels, size), -1, np.intp)
    for matrix, rows in enumerate(lists):
        for channel, one in enumerate(rows):
            places[matrix, channel, : len(one)] = one
    return places
