"""Ranges of activations: what calibration found out, and the rule that chooses how much of it to keep."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
import numpy.typing as npt

from edgeinfer_converters.quantize.activations import IDENTITY, Activation
from edgeinfer_converters.quantize.affine import Affine, Form, affine_of
from edgeinfer_converters.quantize.hessian import Gram
from edgeinfer_converters.quantize.histogram import Histogram

Method = Literal["minmax", "mse"]
Floats = npt.NDArray[np.float64]

_SHRINK = 0.5 ** (np.arange(48) / 12)
"""Shares of a bound that the search tries: 1 down to 1/15, in steps of 6 %."""

_ROUNDS = 2


@dataclass(frozen=True)
class Ranges:
    """The histograms of tensors, by their names in the prepared graph, over `samples` samples.

    `grams`: what the inputs of products looked like, by node name; empty where nobody asked.
    """

    histograms: Mapping[str, Histogram]
    samples: int
    grams: Mapping[str, Gram] = field(default_factory=dict)


def choose(
    histogram: Histogram, form: Form, method: Method = "mse", activation: Activation = IDENTITY
) -> Affine:
    """The scale and zero point for a tensor's values, which go through `activation` next."""
    return CHOICES[method](histogram, form, activation)


def min_max(histogram: Histogram, form: Form, activation: Activation = IDENTITY) -> Affine:
    """Nothing is clipped."""
    return affine_of(histogram.minimum, histogram.maximum, form)


def least_squared_error(histogram: Histogram, form: Form, activation: Activation = IDENTITY) -> Affine:
    """The range with the least squared error behind `activation`, measured on the histogram.

    The bounds are searched in turn, each over a geometric grid below what was seen, since the error
    of rounding falls and that of clipping grows as a bound shrinks.
    """
    used = histogram.counts > 0
    centres, counts = histogram.centres()[used], histogram.counts[used].astype(np.float64)
    low, high = min(histogram.minimum, 0.0), max(histogram.maximum, 0.0)
    if form.symmetric:
        bounds = max(-low, high) * _SHRINK
        high = _best(
            centres, counts, [affine_of(-bound, bound, form) for bound in bounds], bounds, activation
        )
        return affine_of(-high, high, form)
    for _ in range(_ROUNDS):
        if high > 0:
            bounds = max(histogram.maximum, 0.0) * _SHRINK
            high = _best(
                centres, counts, [affine_of(low, bound, form) for bound in bounds], bounds, activation
            )
        if low < 0:
            bounds = min(histogram.minimum, 0.0) * _SHRINK
            low = _best(
                centres, counts, [affine_of(bound, high, form) for bound in bounds], bounds, activation
            )
    return affine_of(low, high, form)


def squared_errors(
    centres: Floats, counts: Floats, candidates: list[Affine], activation: Activation = IDENTITY
) -> Floats:
    """The squared error behind `activation` of each candidate, summed over the values of a histogram."""
    scales = np.array([one.scale for one in candidates])[:, None]
    zeros = np.array([one.zero_point for one in candidates])[:, None]
    form = candidates[0].form
    stored = np.clip(np.rint(centres / scales) + zeros, form.low, form.high)
    # Not a matrix product: BLAS may sum in another order with another number of threads.
    difference = activation.apply((stored - zeros) * scales) - activation.apply(centres)
    errors: Floats = (np.square(difference) * counts).sum(axis=1)
    return errors


def _best(
    centres: Floats, counts: Floats, candidates: list[Affine], bounds: Floats, activation: Activation
) -> float:
    return float(bounds[int(np.argmin(squared_errors(centres, counts, candidates, activation)))])


CHOICES: dict[Method, Callable[[Histogram, Form, Activation], Affine]] = {
    "minmax": min_max,
    "mse": least_squared_error,
}
"""How a range is chosen, by name."""
