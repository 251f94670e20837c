"""Integer weights that fit what a product's inputs look like: scales and rounding by its output's error."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import onnx

from edgeinfer.frames import Array
from edgeinfer_converters.quantize.columns import Columns, as_rows, from_rows
from edgeinfer_converters.quantize.hessian import Gram
from edgeinfer_converters.quantize.rounding import output_error, round_to_output
from edgeinfer_converters.quantize.weights import FITS, IntegerWeights, plain_scales, representable

_FEW = 32
"""Up to as many columns the choice of the scale matters, and costs little."""

_WIDE = 256
"""Of wider matrices one is factored at a time: all together would take a hundred megabytes more."""

Floats = npt.NDArray[np.float64]


def fit_weights(
    node: onnx.NodeProto,
    weights: Array,
    columns: Columns,
    gram: Gram,
    *,
    axis: int | None,
    bound: int,
    smallest_scales: Floats | None = None,
) -> tuple[IntegerWeights, Floats]:
    """Weights of a product, and what its bias must gain so that the mean of each output stays.

    `columns` and `gram` are of this node's inputs, `axis` is the one of the output channels, or None for
    one scale. The second result has one number an output.
    """
    rows = as_rows(node, weights)
    arranged = columns.arrange(rows.astype(np.float64))
    plain = plain_scales(weights, axis, bound, smallest_scales)
    fits = FITS if axis is not None and columns.width <= _FEW else (1.0,)
    candidates = [representable(plain * fit, smallest_scales) for fit in fits]
    spread = [_spread_scales(one, columns, len(rows)) for one in candidates]
    if columns.width > _WIDE:
        scales, stored = candidates[0], _rounded_in_turn(arranged, gram, spread[0], bound)
    else:
        covariances = gram.centred()
        rounded = _rounded(arranged, covariances, spread, bound)
        scales, stored = _best(arranged, covariances, columns, list(zip(candidates, rounded, strict=True)))
    means = gram.means
    del gram  # the largest of all, and the caller may have no use for it either
    lost = stored * _spread_scales(scales, columns, len(rows))[:, :, None]
    np.subtract(arranged, lost, out=lost)
    lost *= means[:, None, :]
    change = columns.restore(lost).sum(axis=1)
    integers = from_rows(node, columns.restore(stored), weights.shape)
    return IntegerWeights(np.ascontiguousarray(integers), scales, axis), change


def _rounded_in_turn(arranged: Floats, gram: Gram, scales: Floats, bound: int) -> Array:
    """The integers of one matrix after the other."""
    stored = np.empty(arranged.shape, np.int8)
    for index in range(len(arranged)):
        part = slice(index, index + 1)
        stored[part] = round_to_output(arranged[part], gram.centred(part), scales[part], bound=bound)
    return stored


def _rounded(arranged: Floats, covariances: Floats, scales: Sequence[Floats], bound: int) -> list[Array]:
    """The integers for each of the scales: all at once, as if they were more outputs."""
    if len(scales) == 1:
        return [round_to_output(arranged, covariances, scales[0], bound=bound)]
    repeated = np.concatenate([arranged] * len(scales), axis=1)
    stored = round_to_output(repeated, covariances, np.concatenate(scales, axis=1), bound=bound)
    return np.split(stored, len(scales), axis=1)


def _best(
    arranged: Floats, covariances: Floats, columns: Columns, candidates: list[tuple[Array, Array]]
) -> tuple[Array, Array]:
    """For each output the scale and the integers with the smallest error; the first where some are equal."""
    if len(candidates) == 1:
        return candidates[0]
    best: tuple[Floats, Array, Array] | None = None
    for scales, stored in candidates:
        spread = _spread_scales(scales, columns, len(scales))
        error = _error_of_outputs(arranged, stored * spread[:, :, None], covariances, columns)
        best = (error, scales, stored) if best is None else _better(best, (error, scales, stored), columns)
    if best is None:
        raise AssertionError("there is at least one scale to try")
    return best[1:]


def _spread_scales(scales: Array, columns: Columns, outputs: int) -> Floats:
    """Scales as (groups * blocks, outputs of a group)."""
    by_output = np.broadcast_to(scales.astype(np.float64), outputs).reshape(columns.groups, 1, -1)
    repeated = np.broadcast_to(by_output, (columns.groups, columns.blocks, by_output.shape[2]))
    return repeated.reshape(columns.groups * columns.blocks, -1)


def _error_of_outputs(arranged: Floats, rounded: Floats, covariances: Floats, columns: Columns) -> Floats:
    errors = output_error(arranged, rounded, covariances)
    total: Floats = errors.reshape(columns.groups, columns.blocks, -1).sum(axis=1).reshape(-1)
    return total


def _better(
    one: tuple[Floats, Array, Array], other: tuple[Floats, Array, Array], columns: Columns
) -> tuple[Floats, Array, Array]:
    """For each output the candidate with the smaller error; the first where they are equal."""
    choose = other[0] < one[0]
    spread = np.repeat(choose.reshape(columns.groups, 1, -1), columns.blocks, axis=1)
    flat = spread.reshape(columns.groups * columns.blocks, -1, 1)
    return (
        np.where(choose, other[0], one[0]),
        np.where(choose, other[1], one[1]),
        np.where(flat, other[2], one[2]),
    )
