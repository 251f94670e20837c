"""NonMaxSuppression, where it is known how many boxes are left."""

from __future__ import annotations

import numpy as np

from edgeinfer_converters.tflite.faults import UnsupportedError
from edgeinfer_converters.tflite.lowering import Lowering, Table
from edgeinfer_converters.tflite.moving import refuse_empty
from edgeinfer_converters.tflite.nodes import Node
from edgeinfer_converters.tflite.ordering import first_true, largest
from edgeinfer_converters.tflite.steps import compute, cut, gathered, joined, select

MAX_LISTS = 100
"""Batches times classes: each is written as operators of its own."""

_LEAST = np.finfo(np.float32).tiny
"""Smaller numbers may be taken for zero."""


def non_max_suppression(node: Node, at: Lowering) -> None:
    """For each class of each batch, by falling score: the boxes that overlap no better one too much.

    The kernel breaks ties of scores in no certain order, and compares scores and overlaps with `>=` here and
    `>` there: so the boxes come sorted, with scores that only say which of them take part.
    """
    boxes, scores, result = *node.inputs[:2], node.outputs[0]
    refuse_empty(at, boxes, result)
    batches, classes, _ = at.shape(scores)
    if batches * classes > MAX_LISTS:
        raise UnsupportedError(f"{batches * classes} lists of boxes; {MAX_LISTS} at most are written")
    corners, limit = _corners(node, at), _limit(node, at)
    kept = [
        _kept(node, at, corners, limit, batch, label) for batch in range(batches) for label in range(classes)
    ]
    rows, flags = ([one[place] for one in kept] for place in (0, 1))
    chosen = first_true(at, joined(at, flags, 0), at.shape(result)[0])
    at.write(result, at.cast(gathered(at, joined(at, rows, 0), chosen, 0), "int64"))


def _corners(node: Node, at: Lowering) -> int:
    """The boxes (batch, box, 4) as two opposite corners, the lower one first."""
    source = at.read(node.inputs[0])
    sides = (*at.shape(node.inputs[0])[:2], 2)
    one, other = (cut(at, source, (0, 0, start), sides) for start in (0, 2))
    if node.integer("center_point_box", 0):
        half = compute(at, "MUL", other, np.full((1, 1, 1), 0.5))
        low = at.add("SUB", [one, half], sides, "float32", fusedActivationFunction="NONE")
        high = at.add("ADD", [one, half], sides, "float32", fusedActivationFunction="NONE")
    else:
        low = at.add("MINIMUM", [one, other], sides, "float32")
        high = at.add("MAXIMUM", [one, other], sides, "float32")
    return _apart(at, low, high)


def _apart(at: Lowering, low: int, high: int) -> int:
    """Corners (batch, box, 4), boxes without area put where they overlap nothing.

    In ONNX such a box neither drops others nor is dropped; the kernel would pick it again and again.
    """
    corners = joined(at, [low, high], 2)
    sides = at.graph.tensors[corners].shape
    across = at.add("SUB", [high, low], (*sides[:2], 2), "float32", fusedActivationFunction="NONE")
    area = at.add("REDUCE_PROD", [across, at.const([2])], (*sides[:2], 1), "float32", keepDims=True)
    has_area = compute(at, "GREATER", area, np.zeros((1, 1, 1)))
    clean = select(at, has_area, corners, at.const(np.zeros((1, 1, 1), np.float32)))
    reach = at.add("ABS", [clean], sides, "float32")
    most = at.add("REDUCE_MAX", [reach, at.const([0, 1, 2])], (1, 1, 1), "float32", keepDims=True)
    numbers = 2 * np.arange(sides[1])
    spots = np.stack([numbers + 2, 0 * numbers, numbers + 3, 0 * numbers + 1], -1)[None]
    return select(
        at, has_area, clean, compute(at, "MUL", compute(at, "ADD", most, np.ones((1, 1, 1))), spots)
    )


def _limit(node: Node, at: Lowering) -> int:
    """How many boxes of a list are kept at most, int32 (1,)."""
    if not node.input(2):
        raise UnsupportedError("without a number of boxes none is left")
    values = at.constant(node.input(2))
    if values is not None:
        return at.const(np.minimum(values.reshape(1), 2**31 - 1).astype(np.int32))
    return at.reshape(at.read_as(node.input(2), "int32"), (1,))


def _threshold(node: Node, at: Lowering) -> int:
    """The overlap from which the kernel drops a box: the float after ONNX's, which is still allowed."""
    values = at.constant(node.input(3)) if node.input(3) else np.zeros(1)
    if values is None:
        bits = at.add("BITCAST", [_overlap(node, at)], (1,), "int32")
        after = at.add("BITCAST", [compute(at, "ADD", bits, np.array([1]))], (1,), "float32")
        normal = compute(at, "MAXIMUM", after, np.array([_LEAST]))
        return at.reshape(compute(at, "MINIMUM", normal, np.ones(1)), ())
    if values.item() >= 1:
        raise UnsupportedError("an overlap of 1 is allowed: no box is ever dropped")
    after_it = np.nextafter(np.float32(values.item()), np.float32(2))
    return at.const(np.array(max(after_it, _LEAST), np.float32))


def _overlap(node: Node, at: Lowering) -> int:
    """ONNX's threshold, float32 (1,); negative ones are zero."""
    return compute(at, "MAXIMUM", at.reshape(at.read(node.input(3)), (1,)), np.zeros(1))


def _kept(node: Node, at: Lowering, corners: int, limit: int, batch: int, label: int) -> tuple[int, int]:
    """Rows (n, 3) of batch, class and box, and which of them count, bool (n,)."""
    count = at.shape(node.inputs[1])[2]
    line = cut(at, at.read(node.inputs[1]), (batch, label, 0), (1, 1, count))
    scores, order = largest(at, at.reshape(line, (count,)), count)
    plane = at.reshape(cut(at, corners, (batch, 0, 0), (1, count, 4)), (count, 4))
    places, valid = _suppressed(node, at, gathered(at, plane, order, 0), _ranks(node, at, scores))
    heads = at.const(np.full((count, 2), (batch, label), np.int32))
    rows = joined(at, [heads, at.reshape(gathered(at, order, places, 0), (count, 1))], 1)
    total = at.add("MINIMUM", [valid, limit], (1,), "int32")
    return rows, compute(at, "GREATER", total, np.arange(count))


def _suppressed(node: Node, at: Lowering, boxes: int, scores: int) -> tuple[int, int]:
    """The places of the boxes that are left, filled up with zeros, and how many they are."""
    count = at.graph.tensors[scores].size
    numbers = [at.const(np.array(count, np.int32)), _threshold(node, at), at.const(np.zeros((), np.float32))]
    number = len(at.graph.operators)
    places = at.graph.tensor(f"nms_{number}_places", (count,), "int32")
    valid = at.graph.tensor(f"nms_{number}_count", (), "int32")
    at.graph.add("NON_MAX_SUPPRESSION_V4", [boxes, scores, *numbers], [places, valid])
    valid = at.reshape(valid, (1,))
    if not node.input(3) or at.constant(node.input(3)) is not None:
        return places, valid
    keeps_all = compute(at, "GREATER_EQUAL", _overlap(node, at), np.ones(1))
    ones = at.cast(compute(at, "GREATER", scores, np.zeros(1)), "int32")
    total = at.add("SUM", [ones, at.const([0])], (1,), "int32", keepDims=True)
    every = at.const(np.arange(count, dtype=np.int32))
    return select(at, keeps_all, every, places), select(at, keeps_all, total, valid)


def _ranks(node: Node, at: Lowering, scores: int) -> int:
    """Scores for the kernel: falling, and negative for boxes whose own is too low."""
    count = at.graph.tensors[scores].size
    falling = at.const(np.arange(count, 0, -1, dtype=np.float32))
    if not node.input(4):
        return falling
    least = at.reshape(at.read(node.input(4)), (1,))
    enough = at.add("GREATER", [scores, least], (count,), "bool")
    return select(at, enough, falling, at.const(np.full(1, -1, np.float32)))


OPERATORS: Table = {"NonMaxSuppression": non_max_suppression}
