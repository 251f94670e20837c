"""Rounding that minimizes the error of a product's output, not that of its weights.

Optimal Brain Quantization in the order and form of GPTQ: columns are rounded one after the other, and
what rounding one of them does to the output is made up for by those that are still to come.
Sources: Frantar and Alistarh, "Optimal Brain Compression" (NeurIPS 2022); Frantar et al., "GPTQ" (ICLR
2023).
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

DAMPING = 0.01
"""Added to the diagonal, as a share of its mean: keeps what calibration has not seen from mattering."""

_BLOCK = 32
"""Columns that are rounded before the rest is brought up to date: the same numbers, fewer passes."""

_LEAF = 64
"""Triangular matrices up to this size are inverted as they are, larger ones in parts."""

Floats = npt.NDArray[np.float64]


def round_to_output(
    weights: Floats, grams: Floats, scales: Floats, *, bound: int, damping: float = DAMPING
) -> npt.NDArray[np.int8]:
    """Integers from -bound to bound for weights (groups, outputs, columns).

    `grams`: (groups, columns, columns), symmetric and positive semidefinite; `scales`: (groups, outputs).
    Columns with a large mean square come first. A column that was always zero is rounded to nearest.
    """
    order, factor = _ordered_factor(grams, damping)
    # With the outputs behind: a column of the weights lies in one piece.
    left = np.take_along_axis(weights.transpose(0, 2, 1), order[:, :, None], axis=1)
    stored = np.empty(left.shape, np.int8)
    for start in range(0, left.shape[1], _BLOCK):
        end = min(start + _BLOCK, left.shape[1])
        errors = _round_block(left[:, start:end], stored[:, start:end], factor, start, scales, bound)
        left[:, end:] -= factor[:, start:end, end:].transpose(0, 2, 1) @ errors
    back = np.argsort(order, axis=1, kind="stable")
    return np.take_along_axis(stored, back[:, :, None], axis=1).transpose(0, 2, 1)


def output_error(weights: Floats, rounded: Floats, grams: Floats) -> Floats:
    """The mean squared error of each output, (groups, outputs)."""
    difference = rounded - weights
    error: Floats = ((difference @ grams) * difference).sum(axis=2)
    return error


def _round_block(
    left: Floats, stored: npt.NDArray[np.int8], factor: Floats, start: int, scales: Floats, bound: int
) -> Floats:
    """Round the columns of a block, in place; the errors that the columns behind it have to bear."""
    errors = np.empty_like(left)
    for column in range(left.shape[1]):
        row = start + column
        rounded = np.clip(np.rint(left[:, column] / scales), -bound, bound)
        stored[:, column] = rounded
        errors[:, column] = (left[:, column] - rounded * scales) / factor[:, row, row, None]
        behind = factor[:, row, row + 1 : start + left.shape[1], None]
        left[:, column + 1 :] -= behind * errors[:, column, None]
    return errors


def _ordered_factor(grams: Floats, damping: float) -> tuple[npt.NDArray[np.intp], Floats]:
    """The order of the columns, and the factor of the inverse in that order.

    Nearly constant inputs leave a matrix that rounding made indefinite: then the damping grows, until
    at last only the diagonal counts.
    """
    for growth in (1, 10, 100, 1000):
        extra = _damping(grams, damping * growth)
        order = np.argsort(-(_diagonal(grams) + extra), axis=1, kind="stable")
        try:
            return order, _factor(_reordered(grams, extra, order[:, ::-1]))
        except np.linalg.LinAlgError:
            continue
    identity = np.broadcast_to(np.eye(grams.shape[1]), grams.shape)
    return np.broadcast_to(np.arange(grams.shape[1]), grams.shape[:2]), identity


def _damping(grams: Floats, damping: float) -> Floats:
    """What the diagonals gain so that the matrices can be inverted whatever was seen."""
    diagonal = _diagonal(grams)
    seen = diagonal > 0
    means = diagonal.sum(axis=1) / np.maximum(seen.sum(axis=1), 1)
    # Without any input every rounding is as good as another: that to nearest.
    extra: Floats = np.where(means > 0, damping * means, 1.0)[:, None] + np.where(seen, 0.0, means[:, None])
    return extra


def _diagonal(matrices: Floats) -> Floats:
    return np.diagonal(matrices, axis1=1, axis2=2)


def _reordered(grams: Floats, extra: Floats, order: npt.NDArray[np.intp]) -> Floats:
    """The damped matrices with their rows and columns in another order."""
    group, index = np.arange(len(grams))[:, None], np.arange(grams.shape[1])
    reordered = grams[group[:, :, None], order[:, :, None], order[:, None, :]]
    reordered[:, index, index] += extra[group, order]
    return reordered


def _factor(matrices: Floats) -> Floats:
    """The upper triangular U with U^T U equal to the inverse of the matrices, both in the opposite order.

    A matrix is L L^T, and its inverse M^T M with M the inverse of L: U is M back to front.
    """
    lower = np.linalg.cholesky(matrices).astype(np.float64, copy=False)
    del matrices  # as large as what follows, and nobody else has it
    return _inverse_of_lower(lower)[:, ::-1, ::-1]


def _inverse_of_lower(lower: Floats) -> Floats:
    """Of triangular matrices, by their quarters: a sixth of the work of a general inverse."""
    size = lower.shape[1]
    if size <= _LEAF:
        return np.tril(np.linalg.inv(lower))
    half = size // 2
    inverse = np.zeros_like(lower)
    inverse[:, :half, :half] = _inverse_of_lower(lower[:, :half, :half])
    inverse[:, half:, half:] = _inverse_of_lower(lower[:, half:, half:])
    between = lower[:, half:, :half] @ inverse[:, :half, :half]
    inverse[:, half:, :half] = -inverse[:, half:, half:] @ between
    return inverse
