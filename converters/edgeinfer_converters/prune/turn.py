"""Channels that nothing but sums and products see are turned so that the last of them hardly matter.

Between the products of a linear bottleneck lie additions alone: any invertible matrix may be multiplied
into what makes the channels, and its inverse into what reads them. The one chosen sorts directions by what
they contribute to the readers' results, so that far more of them can go than of the channels as they were.
When they are gone, what is left is turned back as far as it goes, to some of the channels as they were:
sorted channels differ too much in range to share one scale, and int8 would lose by far more than before.
Sources: Zhang et al., "Accelerating Very Deep Convolutional Networks for Classification and Detection"
(TPAMI 2016), section 3.1, for a single layer; Ashkboos et al., "SliceGPT" (ICLR 2024), for a residual stream.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import onnx
from onnx import numpy_helper

from edgeinfer_converters.graph.view import GraphView, attribute
from edgeinfer_converters.graph.weights import with_initializers
from edgeinfer_converters.prune.elimination import Indices
from edgeinfer_converters.prune.groups import Group, Grouping, Member
from edgeinfer_converters.prune.importance import Reader, gram_of, readers_of
from edgeinfer_converters.prune.moments import Floats
from edgeinfer_converters.quantize.hessian import Gram

LINEAR = frozenset({"Add", "AveragePool", "GlobalAveragePool", "Identity", "ReduceMean"})
"""Operators that a change of the channels' basis goes through."""

RIDGE = 1e-2
"""Of the mean weight of a direction: none counts for nothing, and the matrix has an inverse."""


@dataclass(frozen=True)
class _Turn:
    """`there` (channels, channels) makes the new channels of the old ones, `back` the old ones again."""

    there: Floats
    back: Floats


def turn_channels(
    model: onnx.ModelProto, grouping: Grouping, grams: Mapping[str, Gram]
) -> tuple[onnx.ModelProto, Mapping[str, Floats]]:
    """The same function with turned channels, and by group the matrix that makes the old ones of them.

    `grouping` is that of the model, and of the result; `grams` those of its products' inputs.
    """
    view = GraphView(model)
    changed: dict[str, Floats] = {}
    backs: dict[str, Floats] = {}
    for group in grouping.groups:
        readers = readers_of(view, group)
        if not _is_linear(view, group) or len(readers) != len(group.consumers):
            continue
        turn = _best_turn(readers, grams)
        backs[group.name] = turn.back
        _multiply(view, group, turn, changed)
    return _with_constants(model, changed), backs


def straighten(
    model: onnx.ModelProto, grouping: Grouping, backs: Mapping[str, Floats], kept: Mapping[str, Indices]
) -> onnx.ModelProto:
    """The same function with the turned channels that are left made into some of those before the turn.

    `grouping` is that of the model; `backs` what `turn_channels` gave, `kept` which of the turned channels
    are left, for groups of which not all are.
    """
    view = GraphView(model)
    changed: dict[str, Floats] = {}
    for group in grouping.groups:
        if group.name in backs and _is_linear(view, group):
            back = backs[group.name]
            rows = back if group.name not in kept else back[:, kept[group.name]]
            there = rows[independent(rows)]
            again = np.asarray(np.linalg.inv(there), np.float64)
            _multiply(view, group, _Turn(there, again), changed)
    return _with_constants(model, changed)


def independent(rows: Floats) -> Indices:
    """As many rows as there are columns, each the farthest from those before it: sorted places.

    Source: Gu and Eisenstat, "Efficient algorithms for computing a strong rank-revealing QR factorization"
    (SISC 1996), of which this is the pivoting.
    """
    rest = rows.copy()
    found: list[int] = []
    for _ in range(rows.shape[1]):
        lengths = np.square(rest).sum(axis=1)
        lengths[found] = -1
        place = int(np.argmax(lengths))
        found.append(place)
        direction = rest[place] / max(float(np.linalg.norm(rest[place])), 1e-30)
        rest -= np.outer(rest @ direction, direction)
    chosen: Indices = np.sort(np.array(found, np.intp))
    return chosen


def _with_constants(model: onnx.ModelProto, changed: Mapping[str, Floats]) -> onnx.ModelProto:
    if not changed:
        return model
    constants = [
        numpy_helper.from_array(changed[one.name].astype(np.float32), one.name)
        if one.name in changed
        else one
        for one in model.graph.initializer
    ]
    return with_initializers(model, constants)


def _is_linear(view: GraphView, group: Group) -> bool:
    """Whether only sums lie between products, each of which has constants of its own for all channels."""
    tensors = {lane.tensor for lane in group.tensors}
    every = np.arange(group.channels)
    lanes = [*group.tensors, *(member.activation for member in (*group.producers, *group.consumers))]
    if group.carried or not all(
        np.array_equal(lane.positions, every) and np.array_equal(lane.channels, every) for lane in lanes
    ):
        return False
    products = {member.node for member in (*group.producers, *group.consumers)}
    names = [name for member in (*group.producers, *group.consumers) for name in _constants(member)]
    if not all(view.is_private(name) for name in names) or not all(
        _is_plain(view, member) for member in (*group.producers, *group.consumers)
    ):
        return False
    around = {view.producers[name].name for name in tensors}
    around.update(node.name for name in tensors for node in view.readers.get(name, ()))
    between = [node for node in view.nodes if node.name in around - products]
    return all(
        node.op_type in LINEAR and (node.op_type != "Add" or tensors.issuperset(node.input))
        for node in between
    )


def _is_plain(view: GraphView, member: Member) -> bool:
    node = next(one for one in view.nodes if one.name == member.node)
    return node.op_type in ("Conv", "Gemm", "MatMul") and attribute(node, "group", 1) == 1


def _constants(member: Member) -> list[str]:
    return [lane.tensor for lane in member.constants]


def _best_turn(readers: Sequence[Reader], grams: Mapping[str, Gram]) -> _Turn:
    """Directions of the channels in the order of what the readers' results have of them."""
    channels = readers[0].columns.shape[1]
    spread, weight = np.zeros((channels, channels)), np.zeros((channels, channels))
    for reader in readers:
        for gram, rows, columns in zip(gram_of(reader, grams), reader.weights, reader.columns, strict=True):
            here = (columns >= 0).all(axis=1).nonzero()[0]
            power = max(float(np.vdot(rows @ gram, rows)), 1e-30)
            for place in range(columns.shape[1]):
                at = columns[here, place]
                weight[np.ix_(here, here)] += rows[:, at].T @ rows[:, at] / power
                spread[np.ix_(here, here)] += gram[np.ix_(at, at)] / columns.shape[1]
    index = np.arange(channels)
    weight[index, index] += RIDGE * weight.trace() / channels + 1e-30
    values, vectors = np.linalg.eigh(weight)
    root = (vectors * np.sqrt(values)) @ vectors.T
    inverse = (vectors / np.sqrt(values)) @ vectors.T
    _, directions = np.linalg.eigh(root @ spread @ root)
    directions = directions[:, ::-1]
    there, back = directions.T @ root, inverse @ directions
    # Channels of the same spread as each other's mean: scales of activations stay what they are.
    size = np.sqrt(spread.trace() / max(float((there @ spread * there).sum()), 1e-30))
    return _Turn(there * size, back / size)


def _multiply(view: GraphView, group: Group, turn: _Turn, changed: dict[str, Floats]) -> None:
    for member in group.producers:
        for lane in member.constants:
            _along(view, lane.tensor, lane.axis, turn.there, changed)
    for member in group.consumers:
        lane = member.weights
        _along(view, lane.tensor, lane.axis, turn.back.T, changed)


def _along(view: GraphView, name: str, axis: int, matrix: Floats, changed: dict[str, Floats]) -> None:
    values = changed[name] if name in changed else view.constant(name).astype(np.float64)
    changed[name] = np.moveaxis(np.tensordot(matrix, values, axes=(1, axis)), 0, axis)
