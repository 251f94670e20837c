"""Ranges of activations: what calibration found out, and the rule that chooses how much of it to keep."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
import numpy.typing as npt

from edgeinfer_converters.quantize.activations import IDENTITY, Activation
from edgeinfer_converters.quantize.affine import Affine, Form, affine_of
from edgeinfer_converters.quantize.extremes import Extremes
from edgeinfer_converters.quantize.hessian import Gram
from edgeinfer_converters.quantize.histogram import Histogram
from edgeinfer_converters.quantize.reach import NARROW, Reach

Method = Literal["entropy", "minmax", "mse", "percentile"]
Floats = npt.NDArray[np.float64]

_SHRINK = 0.5 ** (np.arange(48) / 12)
"""Shares of a bound that the search tries: 1 down to 1/15, in steps of 6 %."""

_ROUNDS = 2

TAIL = 1e-4
"""The share of values that `percentile` cuts off at each end."""


@dataclass(frozen=True)
class Ranges:
    """The histograms of tensors, by their names in the prepared graph, over `samples` samples.

    `grams`: what the inputs of products looked like, by node name; empty where nobody asked.
    `channels`: the extremes of each channel of the tensors that may get a scale for each.
    `factors`: by which the range that a rule chooses is to be multiplied, by tensor, see `refinement`.
    `reach`: how far they reach beyond what the rule would choose, see `reach`.
    """

    histograms: Mapping[str, Histogram]
    samples: int
    grams: Mapping[str, Gram] = field(default_factory=dict)
    channels: Mapping[str, Extremes] = field(default_factory=dict)
    factors: Mapping[str, float] = field(default_factory=dict)
    reach: Reach = NARROW


def choose(
    histogram: Histogram,
    form: Form,
    method: Method = "mse",
    activation: Activation = IDENTITY,
    clip_weight: float = 1.0,
) -> Affine:
    """The scale and zero point for a tensor's values, which go through `activation` next.

    `clip_weight`: what a clipped value's error counts for `mse`; other rules do not weigh errors.
    """
    if method == "mse":
        return least_squared_error(histogram, form, activation, clip_weight)
    return CHOICES[method](histogram, form, activation)


def min_max(histogram: Histogram, form: Form, activation: Activation = IDENTITY) -> Affine:
    """Nothing is clipped."""
    return affine_of(histogram.minimum, histogram.maximum, form)


def least_squared_error(
    histogram: Histogram, form: Form, activation: Activation = IDENTITY, clip_weight: float = 1.0
) -> Affine:
    """The range with the least squared error behind `activation`, measured on the histogram.

    The bounds are searched in turn, each over a geometric grid below what was seen, since the error
    of rounding falls and that of clipping grows as a bound shrinks. The error of a value that is clipped
    counts `clip_weight` times.
    """

    def best(bounds: Floats, candidates: list[Affine]) -> float:
        return _best(centres, counts, candidates, bounds, activation, clip_weight)

    used = histogram.counts > 0
    centres, counts = histogram.centres()[used], histogram.counts[used].astype(np.float64)
    low, high = min(histogram.minimum, 0.0), max(histogram.maximum, 0.0)
    if form.symmetric:
        bounds = max(-low, high) * _SHRINK
        high = best(bounds, [affine_of(-bound, bound, form) for bound in bounds])
        return affine_of(-high, high, form)
    for _ in range(_ROUNDS):
        if high > 0:
            bounds = max(histogram.maximum, 0.0) * _SHRINK
            high = best(bounds, [affine_of(low, bound, form) for bound in bounds])
        if low < 0:
            bounds = min(histogram.minimum, 0.0) * _SHRINK
            low = best(bounds, [affine_of(bound, high, form) for bound in bounds])
    return affine_of(low, high, form)


def percentile(histogram: Histogram, form: Form, activation: Activation = IDENTITY) -> Affine:
    """What lies between the quantiles TAIL and 1 - TAIL, to the width of a bin."""
    below = np.cumsum(histogram.counts) / histogram.total
    edges = histogram.edges()
    low = edges[int(np.searchsorted(below, TAIL, side="right"))]
    high = edges[int(np.searchsorted(below, 1 - TAIL)) + 1]
    return affine_of(max(float(low), histogram.minimum), min(float(high), histogram.maximum), form)


def least_divergence(histogram: Histogram, form: Form, activation: Activation = IDENTITY) -> Affine:
    """The range with the least Kullback-Leibler divergence of the rounded values from the true ones.

    What is cut off counts as lying at the bound, but does not show among the rounded values: so a range
    that cuts off much diverges. Zeros are left out: rounding does not change them, but they are many.
    Source: Migacz, "8-bit Inference with TensorRT" (GTC 2017).
    """
    centres, counts = histogram.centres(), histogram.counts.astype(np.float64)
    counts[np.abs(centres) < histogram.width] = 0.0
    low, high = min(histogram.minimum, 0.0), max(histogram.maximum, 0.0)

    def best(bounds: Floats, candidates: list[Affine]) -> float:
        return float(bounds[int(np.argmin([_divergence(centres, counts, one) for one in candidates]))])

    if form.symmetric:
        bounds = max(-low, high) * _SHRINK
        high = best(bounds, [affine_of(-bound, bound, form) for bound in bounds])
        return affine_of(-high, high, form)
    if high > 0:
        bounds = high * _SHRINK
        high = best(bounds, [affine_of(low, bound, form) for bound in bounds])
    if low < 0:
        bounds = low * _SHRINK
        low = best(bounds, [affine_of(bound, high, form) for bound in bounds])
    return affine_of(low, high, form)


def _divergence(centres: Floats, counts: Floats, affine: Affine) -> float:
    form = affine.form
    levels = np.rint(centres / affine.scale) + affine.zero_point
    inside = (levels >= form.low) & (levels <= form.high)
    first, last = int(np.argmax(inside)), len(inside) - 1 - int(np.argmax(inside[::-1]))
    true = np.where(inside, counts, 0.0)
    true[first] += counts[:first].sum()
    true[last] += counts[last + 1 :].sum()
    level = np.where(inside, levels - form.low, 0).astype(np.intp)
    seen = inside & (counts > 0)
    sums = np.bincount(level, np.where(seen, counts, 0.0))
    bins = np.bincount(level, seen)
    spread = np.where(seen, (sums / np.maximum(bins, 1))[level], 0.0)
    # A bin that holds nothing but what was cut off is infinitely unlikely among the rounded values.
    share = np.maximum(spread / max(spread.sum(), 1.0), np.finfo(np.float64).tiny)
    wanted = true / max(true.sum(), 1.0)
    used = wanted > 0
    return float((wanted[used] * np.log(wanted[used] / share[used])).sum())


def squared_errors(
    centres: Floats,
    counts: Floats,
    candidates: list[Affine],
    activation: Activation = IDENTITY,
    clip_weight: float = 1.0,
) -> Floats:
    """The squared error behind `activation` of each candidate, summed over the values of a histogram; that of
    values which are clipped `clip_weight` times."""
    scales = np.array([one.scale for one in candidates])[:, None]
    zeros = np.array([one.zero_point for one in candidates])[:, None]
    form = candidates[0].form
    whole = np.rint(centres / scales) + zeros
    stored = np.clip(whole, form.low, form.high)
    # Not a matrix product: BLAS may sum in another order with another number of threads.
    difference = activation.apply((stored - zeros) * scales) - activation.apply(centres)
    weights = counts if clip_weight == 1.0 else np.where(stored == whole, counts, clip_weight * counts)
    errors: Floats = (np.square(difference) * weights).sum(axis=1)
    return errors


def _best(
    centres: Floats,
    counts: Floats,
    candidates: list[Affine],
    bounds: Floats,
    activation: Activation,
    clip_weight: float,
) -> float:
    errors = squared_errors(centres, counts, candidates, activation, clip_weight)
    return float(bounds[int(np.argmin(errors))])


CHOICES: dict[Method, Callable[[Histogram, Form, Activation], Affine]] = {
    "entropy": least_divergence,
    "minmax": min_max,
    "mse": least_squared_error,
    "percentile": percentile,
}
"""How a range is chosen, by name."""
