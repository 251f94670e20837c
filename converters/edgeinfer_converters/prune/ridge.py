"""Least squares on the weights of a product, drawn towards the weights that it had.

The weights w minimize the mean of |y - w x|^2 plus lambda times the sum of |w - w0|^2 d, with d the mean
square of each column: the same in whatever units a column is. The bias makes up for the means. Lambda is
the one whose weights, fitted to some of the samples, err least on the others.
Sources: Hoerl and Kennard, "Ridge Regression" (Technometrics 1970); Stone, "Cross-Validatory Choice and
Assessment of Statistical Predictions" (JRSS B 1974).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from edgeinfer_converters.prune.moments import Covariances, Floats, Moments, total_of

LAMBDAS = tuple(10.0 ** (exponent / 2) for exponent in range(-12, 7))
"""From next to none to so many that the weights stay what they are."""

ROUGH_STRENGTH = 1e-2
"""What trying often finds where there are many rows."""

ANCHOR = 1e-4
"""Of the power that a column has in the results on the average: what doubling a column's weights costs. A
column that is hardly ever there would else get weights a thousand times as large as all others, for whose
sake int8 would lose those."""

_TINY = 1e-12


@dataclass(frozen=True)
class Fit:
    """`weights` (groups, outputs, width) and `bias` (groups, outputs), None for a product without one.

    `error` is the squared error on samples that were left out, relative to the power of the targets;
    `before` that of the old weights with the means corrected. `strength` is lambda.
    """

    weights: Floats
    bias: Floats | None
    strength: float
    error: float
    before: float


@dataclass(frozen=True)
class _Path:
    """The weights for every lambda at once, from one factorization."""

    start: Floats
    steps: Floats
    values: Floats
    back: Floats

    def at(self, strength: float) -> Floats:
        weights: Floats = self.start + (self.steps / (self.values + strength)[:, None, :]) @ self.back
        return weights

    def errors(self, test: Covariances) -> list[float]:
        """Those of the weights for each of LAMBDAS. In the path's own directions the error is a quadratic
        form of 1 / (values + lambda): no weights have to be made."""
        slope = np.einsum("gow,gow->gw", (test.yx - self.start @ test.xx) @ self._forth, self.steps)
        bend = (self.steps.transpose(0, 2, 1) @ self.steps) * (self.back @ test.xx @ self._forth)
        base = test.error(self.start)
        shrunk = [1 / (self.values + strength) for strength in LAMBDAS]
        return [
            base - 2 * float(np.vdot(slope, one)) + float(np.einsum("gv,gvw,gw->", one, bend, one))
            for one in shrunk
        ]

    @property
    def _forth(self) -> Floats:
        return self.back.transpose(0, 2, 1)


def fit(folds: Sequence[Moments], start: Floats, *, biased: bool) -> Fit:
    """The best weights that the moments know of, near `start` (groups, outputs, width).

    `folds` are the moments of disjoint sets of samples; with a single one the largest lambda that costs
    little is not known, and the weights stay. `biased`: the product has a bias to make up for the means.
    """
    total = total_of(folds)
    found = [_errors(total, fold, start, biased=biased, tried=len(folds) > 1) for fold in folds]
    before, *errors = np.mean(found, axis=0).tolist()
    whole = total.covariances(centred=biased)
    power = max(float(whole.yy.sum()), 1e-30)
    best = int(np.argmin([before, *errors])) - 1
    strength, error = (LAMBDAS[best], errors[best]) if best >= 0 else (float("inf"), before)
    weights = _path(whole, start).at(strength) if best >= 0 else start
    return Fit(weights, _bias(whole, weights) if biased else None, strength, error / power, before / power)


def _errors(total: Moments, fold: Moments, start: Floats, *, biased: bool, tried: bool) -> list[float]:
    """On the samples of a fold those of the old weights, and if more is `tried` those of the weights for
    each of LAMBDAS that are fitted to all others."""
    test = fold.covariances(centred=biased)
    before = test.error(start)
    if not tried:
        return [before]
    path = _path(total.covariances(centred=biased, without=fold), start)
    return [before, *path.errors(test)]


def fit_roughly(known: Moments, start: Floats, *, biased: bool) -> Fit:
    """Nearly the best weights, without trying: the fewer rows, the nearer to `start`.

    The errors are those on the samples themselves, so too small.
    """
    whole = known.covariances(centred=biased)
    power = max(float(whole.yy.sum()), 1e-30)
    strength = max(ROUGH_STRENGTH, start.shape[-1] / max(known.count, 1))
    weights, bias = fit_at(known, start, strength, biased=biased)
    return Fit(weights, bias, strength, whole.error(weights) / power, whole.error(start) / power)


def fit_at(known: Moments, start: Floats, strength: float, *, biased: bool) -> tuple[Floats, Floats | None]:
    """The weights and the bias at a lambda that is known; infinity leaves the weights."""
    whole = known.covariances(centred=biased)
    weights = start
    if np.isfinite(strength):
        residual = whole.yx - start @ whole.xx
        gram, units = _scaled(whole.xx, start)
        index = np.arange(gram.shape[-1])
        gram[:, index, index] += strength + _TINY * len(index)
        residual *= units[:, None, :]
        steps = np.linalg.solve(gram, residual.transpose(0, 2, 1)).transpose(0, 2, 1)
        weights = start + steps * units[:, None, :]
    return weights, _bias(whole, weights) if biased else None


def _bias(known: Covariances, weights: Floats) -> Floats:
    bias: Floats = known.mean_y - np.einsum("gow,gw->go", weights, known.mean_x)
    return bias


def _path(known: Covariances, start: Floats) -> _Path:
    residual = known.yx - start @ known.xx
    scaled, units = _scaled(known.xx, start)
    residual *= units[:, None, :]
    values, vectors = np.linalg.eigh(scaled)
    del scaled  # as large as the vectors
    back = vectors.transpose(0, 2, 1) * units[:, None, :]
    return _Path(start, residual @ vectors, np.maximum(values, 0) + _TINY * values.shape[-1], back)


def _scaled(xx: Floats, start: Floats) -> tuple[Floats, Floats]:
    """The anchored moments in units of the columns, and these units."""
    scaled = _anchored(xx, start)
    units = _units(scaled)
    scaled *= units[:, :, None]
    scaled *= units[:, None, :]
    return scaled, units


def _anchored(xx: Floats, start: Floats) -> Floats:
    """The moments (groups, width, width) of the columns and of what ties each to its old weights."""
    squares = np.diagonal(xx, axis1=1, axis2=2)
    weights = np.square(start).sum(axis=1)
    power = (weights * squares).sum(axis=1, keepdims=True) / max(xx.shape[-1], 1)
    least = 1e-12 * weights.max(axis=1, keepdims=True, initial=0) + 1e-30
    tied = xx.copy()
    index = np.arange(xx.shape[-1])
    tied[:, index, index] += ANCHOR * power / np.maximum(weights, least)
    return tied


def _units(xx: Floats) -> Floats:
    """(groups, width): what makes the mean square of each column one."""
    squares = np.diagonal(xx, axis1=1, axis2=2)
    # A column that is always zero says nothing: it is given a unit, and its weights stay.
    floor = 1e-9 * squares.max(axis=1, keepdims=True, initial=0) + 1e-30
    units: Floats = 1 / np.sqrt(np.maximum(squares, floor))
    return units
