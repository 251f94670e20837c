"""Empirical bias correction: what a bias must gain so that the layer's output errs least.

Rounding inputs and weights shifts the outputs of a product; the shift is measured on samples, behind the
activation function that follows (what a ReLU cuts off is no error), and taken off the bias. A shift that
the samples disagree about is corrected only in part: the rest may be chance.
Sources: Nagel et al., "Data-Free Quantization Through Weight Equalization and Bias Correction" (ICCV
2019), section 4.2, for the correction; James and Stein (1961) for the shrinking.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from edgeinfer.frames import Array
from edgeinfer_converters.quantize.activations import Activation

MAX_POSITIONS = 4096
"""Of a channel of one sample: more of them say no more about its mean."""

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Shift:
    """Of one sample, for each output channel: `weight` is the sum of f'(y)^2, `value` that of
    f'(y) * (f(x) - f(y)) over it, with x and y the float and the quantized outputs."""

    value: Floats
    weight: Floats


def measure_shift(wanted: Array, found: Array, activation: Activation, axis: int) -> Shift:
    """The shift of one sample: the Gauss-Newton step for a constant added to a channel of `found`."""
    wanted, found = _by_channel(wanted, axis), _by_channel(found, axis)
    slope = activation.slope(found)
    error = activation.apply(wanted) - activation.apply(found)
    weight = np.square(slope).sum(axis=1, dtype=np.float64)
    total = (slope * error).sum(axis=1, dtype=np.float64)
    return Shift(np.divide(total, weight, out=np.zeros_like(total), where=weight > 0), weight)


def _by_channel(values: Array, axis: int) -> Array:
    """(channels, positions): every n-th of the positions, at most MAX_POSITIONS."""
    rows = np.moveaxis(values, axis, 0).reshape(values.shape[axis], -1)
    return rows[:, :: -(-rows.shape[1] // MAX_POSITIONS) | 1]


def correction(shifts: Sequence[Shift]) -> Floats:
    """What to add to the bias, one number a channel.

    The shifts of the samples are averaged by weight. Of a mean d with the squared standard error e the
    part max(0, 1 - e / d^2) is corrected; a single sample says nothing about its error and is believed.
    """
    weights = np.stack([one.weight for one in shifts])
    values = np.stack([one.value for one in shifts])
    total = weights.sum(axis=0)
    shares = np.divide(weights, total, out=np.zeros_like(weights), where=total > 0)
    mean: Floats = (shares * values).sum(axis=0)
    if len(shifts) == 1:
        return mean
    error = np.square(shares * (values - mean)).sum(axis=0) * (len(shifts) / (len(shifts) - 1))
    squares = np.square(mean)
    doubt = np.ones_like(mean)
    np.divide(error, squares, out=doubt, where=squares > np.finfo(np.float64).tiny)
    corrected: Floats = mean * np.clip(1 - doubt, 0, 1)
    return corrected
