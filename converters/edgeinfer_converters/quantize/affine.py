"""Affine quantization: real = scale * (stored - zero_point), as ONNX and TFLite define it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from edgeinfer.frames import Array
from edgeinfer.profile import Integer

_HALF = 0.501
"""Of a step: -1 and 1 lie half a step beside 255 equal ones, and scales are not exact."""

SMALLEST_SCALE = 2.0**-60
"""A floor: the product of two scales, a bias's scale, stays a normal float32."""


@dataclass(frozen=True)
class Form:
    """An 8-bit form of activations: its integers and whether zero must be their middle."""

    dtype: Literal["int8", "uint8"]
    symmetric: bool

    @property
    def middle(self) -> int:
        """The zero point of the symmetric form."""
        return 0 if self.dtype == "int8" else 128

    @property
    def low(self) -> int:
        """The lowest integer in use: the symmetric form leaves out the one without a counterpart."""
        return self.middle - (127 if self.symmetric else 128)

    @property
    def high(self) -> int:
        """The highest integer."""
        return self.middle + 127


def activation_form(integer: Integer) -> Form:
    """The form of activations that a profile asks for."""
    return Form(integer.activation, integer.symmetric_activation)


@dataclass(frozen=True)
class Affine:
    """The scale, a float32 value, and the zero point of a whole tensor."""

    scale: float
    zero_point: int
    form: Form

    @property
    def bounds(self) -> tuple[float, float]:
        """The lowest and the highest number that can be stored."""
        return (self.form.low - self.zero_point) * self.scale, (self.form.high - self.zero_point) * self.scale

    def quantize(self, values: Array) -> Array:
        """QuantizeLinear: round half to even, then saturate to the whole integer type."""
        info = np.iinfo(self.form.dtype)
        scaled = np.rint(values.astype(np.float32) / np.float32(self.scale)) + self.zero_point
        stored: Array = np.clip(scaled, info.min, info.max).astype(self.form.dtype)
        return stored

    def dequantize(self, stored: Array) -> Array:
        """DequantizeLinear, to float32."""
        return ((stored.astype(np.int32) - self.zero_point) * np.float32(self.scale)).astype(np.float32)


def affine_of(low: float, high: float, form: Form) -> Affine:
    """Scale and zero point for values from `low` to `high`; zero is always exactly representable.

    A range of zero gets a scale of 1, a range too small for a normal scale the smallest one.
    """
    low, high = min(low, 0.0), max(high, 0.0)
    if form.symmetric:
        bound = max(-low, high)
        return Affine(normal_scale(bound / 127), form.middle, form)
    scale = normal_scale((high - low) / (form.high - form.low))
    zero_point = round(form.low - low / scale)
    return Affine(scale, max(form.low, min(form.high, zero_point)), form)


def stretched(affine: Affine, factor: float) -> Affine:
    """The affine form of a range `factor` times as wide."""
    if factor == 1.0:
        return affine
    low, high = affine.bounds
    return affine_of(low * factor, high * factor, affine.form)


def normal_scale(scale: float) -> float:
    """The float32 value of a scale that is neither zero nor denormal."""
    return float(np.float32(max(scale, SMALLEST_SCALE))) if scale > 0 else 1.0


def clamps_like(affine: Affine, low: float | None, high: float | None) -> bool:
    """Whether saturation does what clamping to [low, high] does (None: no bound), to half a step."""
    info: Any = np.iinfo(affine.form.dtype)
    bounds_low = low is None or low / affine.scale + affine.zero_point <= info.min + _HALF
    bounds_high = high is None or high / affine.scale + affine.zero_point >= info.max - _HALF
    return bounds_low and bounds_high
