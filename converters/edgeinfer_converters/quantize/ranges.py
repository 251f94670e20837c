"""Ranges of activations: what calibration found out, and the rule that chooses how much of it to keep."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from edgeinfer_converters.quantize.affine import Affine, Form, affine_of
from edgeinfer_converters.quantize.histogram import Histogram

Method = Literal["minmax", "mse"]
Floats = npt.NDArray[np.float64]

_SHRINK = 0.5 ** (np.arange(48) / 12)
"""Shares of a bound that the search tries: 1 down to 1/15, in steps of 6 %."""

_ROUNDS = 2


@dataclass(frozen=True)
class Ranges:
    """The histograms of tensors, by their names in the prepared graph, over `samples` samples."""

    histograms: Mapping[str, Histogram]
    samples: int


def choose(histogram: Histogram, form: Form, method: Method = "mse") -> Affine:
    """The scale and zero point for a tensor's values."""
    return CHOICES[method](histogram, form)


def min_max(histogram: Histogram, form: Form) -> Affine:
    """Nothing is clipped."""
    return affine_of(histogram.minimum, histogram.maximum, form)


def least_squared_error(histogram: Histogram, form: Form) -> Affine:
    """The range with the least squared error of the quantized values, measured on the histogram.

    The bounds are searched in turn, each over a geometric grid below what was seen, since the error
    of rounding falls and that of clipping grows as a bound shrinks.
    """
    used = histogram.counts > 0
    centres, counts = histogram.centres()[used], histogram.counts[used].astype(np.float64)
    low, high = min(histogram.minimum, 0.0), max(histogram.maximum, 0.0)
    if form.symmetric:
        bounds = max(-low, high) * _SHRINK
        high = _best(centres, counts, [affine_of(-bound, bound, form) for bound in bounds], bounds)
        return affine_of(-high, high, form)
    for _ in range(_ROUNDS):
        if high > 0:
            bounds = max(histogram.maximum, 0.0) * _SHRINK
            high = _best(centres, counts, [affine_of(low, bound, form) for bound in bounds], bounds)
        if low < 0:
            bounds = min(histogram.minimum, 0.0) * _SHRINK
            low = _best(centres, counts, [affine_of(bound, high, form) for bound in bounds], bounds)
    return affine_of(low, high, form)


def squared_errors(centres: Floats, counts: Floats, candidates: list[Affine]) -> Floats:
    """The squared error of each candidate, summed over the values of a histogram."""
    scales = np.array([one.scale for one in candidates])[:, None]
    zeros = np.array([one.zero_point for one in candidates])[:, None]
    form = candidates[0].form
    stored = np.clip(np.rint(centres / scales) + zeros, form.low, form.high)
    # Not a matrix product: BLAS may sum in another order with another number of threads.
    errors: Floats = (np.square((stored - zeros) * scales - centres) * counts).sum(axis=1)
    return errors


def _best(centres: Floats, counts: Floats, candidates: list[Affine], bounds: Floats) -> float:
    return float(bounds[int(np.argmin(squared_errors(centres, counts, candidates)))])


CHOICES: dict[Method, Callable[[Histogram, Form], Affine]] = {"minmax": min_max, "mse": least_squared_error}
"""How a range is chosen, by name."""
