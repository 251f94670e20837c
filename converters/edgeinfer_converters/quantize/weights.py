"""Weights and biases as integers: symmetric int8 for each output channel, int32 at the scale of the sum."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from edgeinfer.frames import Array
from edgeinfer_converters.quantize.affine import SMALLEST_SCALE

FULL_BOUND = 127
REDUCED_BOUND = 64
"""Two products of uint8 and a weight within ±64 fit into 16 bits: what x86 without VNNI adds up in."""

FITS = np.linspace(127 / 127.5, 1.1, 32)
"""Shares of the plain scale that are tried: from the least that clips nothing by more than half a step."""

_MANY_WEIGHTS = 512
"""With more weights in a channel one scale rounds them as well as another."""

_MAX_BIAS = 2**30
"""Biases use half of int32: the other half is left to the sum of products."""


_BIAS_ROOM = 64
"""Of a channel without weights: its bias takes 24 bits, and correcting it has room."""


@dataclass(frozen=True)
class IntegerWeights:
    """int8 weights; `scales` float32 has one scale for each index on `axis`, or one for all (None)."""

    stored: npt.NDArray[np.int8]
    scales: npt.NDArray[np.float32]
    axis: int | None

    def dequantize(self) -> npt.NDArray[np.float32]:
        """DequantizeLinear."""
        scales = self.scales if self.axis is None else _along(self.scales, self.stored.ndim, self.axis)
        return self.stored.astype(np.float32) * scales


def quantize_weights(
    weights: Array,
    axis: int | None,
    *,
    bound: int = FULL_BOUND,
    smallest_scales: npt.NDArray[np.float64] | None = None,
) -> IntegerWeights:
    """Round float32 weights to integers from -bound to bound; |error| <= scale / 2.

    `smallest_scales`, of the shape of the scales, raises those for which a bias would not fit into int32.
    """
    plain = plain_scales(weights, axis, bound, smallest_scales)
    scales = representable(plain * _best_fits(weights, plain, axis, bound), smallest_scales)
    divisor = scales if axis is None else _along(scales, weights.ndim, axis)
    stored = np.clip(np.rint(weights.astype(np.float64) / divisor), -bound, bound).astype(np.int8)
    return IntegerWeights(stored, scales, axis)


def with_zeros(weights: IntegerWeights, added: int) -> IntegerWeights:
    """Convolution weights for `added` more input channels, which count for nothing."""
    if not added:
        return weights
    stored = np.pad(weights.stored, [(0, 0), (0, added), *[(0, 0)] * (weights.stored.ndim - 2)])
    return IntegerWeights(stored, weights.scales, weights.axis)


def plain_scales(
    weights: Array,
    axis: int | None,
    bound: int,
    smallest_scales: npt.NDArray[np.float64] | None = None,
) -> npt.NDArray[np.float64]:
    """The scales with which the largest weight of each channel becomes `bound`.

    A channel of zeros is its bias: its scale is such that the bias fits well (`smallest_scales`), or the
    largest of the others where it has none.
    """
    axes = tuple(index for index in range(weights.ndim) if index != axis)
    largest = np.abs(weights).max(axis=axes, initial=0.0).astype(np.float64)
    silent = np.full_like(largest, (largest.max(initial=0.0) or float(bound)) / bound)
    if smallest_scales is not None:
        silent = np.where(smallest_scales > SMALLEST_SCALE, smallest_scales * _BIAS_ROOM, silent)
    scales: npt.NDArray[np.float64] = np.where(largest > 0, largest / bound, silent)
    return scales


def representable(
    scales: npt.NDArray[np.float64], smallest_scales: npt.NDArray[np.float64] | None
) -> npt.NDArray[np.float32]:
    """Scales as they are stored: none below its floor, none denormal."""
    raised = scales if smallest_scales is None else np.maximum(scales, smallest_scales)
    return np.maximum(raised, SMALLEST_SCALE).astype(np.float32)


def _best_fits(weights: Array, scales: Array, axis: int | None, bound: int) -> Array:
    """For each channel the share of its scale that rounds its weights with the least squared error."""
    axes = tuple(index for index in range(weights.ndim) if index != axis)
    if weights.size > _MANY_WEIGHTS * scales.size:
        return np.ones_like(scales)
    errors = []
    for fit in FITS:
        divisor = scales * fit if axis is None else _along(scales * fit, weights.ndim, axis)
        stored = np.clip(np.rint(weights / divisor), -bound, bound)
        errors.append(np.square(stored * divisor - weights).sum(axis=axes))
    best: Array = FITS[np.argmin(errors, axis=0)]
    return best


def quantize_bias(
    bias: Array, input_scale: float, weight_scales: npt.NDArray[np.float32]
) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.float32]]:
    """int32 biases and their scales, input scale times weight scale."""
    scales = (np.float32(input_scale) * weight_scales).astype(np.float32)
    stored = np.rint(bias.astype(np.float64) / scales)
    info = np.iinfo(np.int32)
    return np.clip(stored, info.min, info.max).astype(np.int32), scales


def smallest_weight_scales(bias: Array, input_scale: float, axis: int | None) -> npt.NDArray[np.float64]:
    """The weight scales below which the biases would not fit, one a channel or one for all."""
    needed = np.abs(bias).astype(np.float64) / (input_scale * _MAX_BIAS)
    floor: npt.NDArray[np.float64] = np.maximum(needed, SMALLEST_SCALE)
    return floor if axis is not None else floor.max(initial=SMALLEST_SCALE)


def _along(scales: Array, ndim: int, axis: int) -> Array:
    return scales.reshape([-1 if index == axis else 1 for index in range(ndim)])
