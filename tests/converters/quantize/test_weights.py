"""Weights and biases."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from edgeinfer_converters.quantize.affine import SMALLEST_SCALE
from edgeinfer_converters.quantize.weights import (
    FULL_BOUND,
    REDUCED_BOUND,
    quantize_bias,
    quantize_weights,
    smallest_weight_scales,
)

FINITE = st.floats(min_value=-1e6, max_value=1e6, width=32)
WEIGHTS = hnp.arrays(np.float32, hnp.array_shapes(min_dims=2, max_dims=4, max_side=5), elements=FINITE)


@given(
    weights=WEIGHTS,
    axis=st.sampled_from([None, 0, 1]),
    bound=st.sampled_from([FULL_BOUND, REDUCED_BOUND]),
)
def test_the_round_trip_errs_by_half_a_step(weights: np.ndarray, axis: int | None, bound: int) -> None:
    stored = quantize_weights(weights, axis, bound=bound)
    scales = (
        stored.scales
        if axis is None
        else np.moveaxis(
            np.broadcast_to(stored.scales, (*np.moveaxis(weights, axis, -1).shape[:-1], weights.shape[axis])),
            -1,
            axis,
        )
    )
    error = np.abs(stored.dequantize().astype(np.float64) - weights)
    assert (error <= scales * (0.5 + 1e-4)).all()
    assert np.abs(stored.stored.astype(int)).max() <= bound
    assert (stored.scales >= np.float32(SMALLEST_SCALE)).all()
    assert stored.scales.shape == (() if axis is None else (weights.shape[axis],))


def test_channels_have_scales_of_their_own() -> None:
    weights = np.stack([np.linspace(-1, 1, 600), np.linspace(-100, 100, 600)]).astype(np.float32)
    stored = quantize_weights(weights, 0)
    np.testing.assert_allclose(stored.scales, [1 / 127, 100 / 127], rtol=1e-6)
    together = quantize_weights(weights, None)
    assert together.scales == np.float32(100 / 127)


def test_few_weights_get_the_scale_that_fits_them() -> None:
    weights = np.random.default_rng(0).normal(size=(64, 1, 3, 3)).astype(np.float32)
    stored = quantize_weights(weights, 0)
    plain = np.abs(weights).max(axis=(1, 2, 3), keepdims=True) / 127
    error = np.square(stored.dequantize() - weights).sum()
    plain_error = np.square(np.rint(weights / plain) * plain - weights).sum()
    assert error < 0.8 * plain_error


def test_channels_of_zeros() -> None:
    weights = np.zeros((3, 600), np.float32)
    weights[1] = 2.0
    stored = quantize_weights(weights, 0)
    np.testing.assert_allclose(stored.scales, 2 / 127, rtol=1e-6)
    assert not stored.stored[[0, 2]].any()
    nothing = quantize_weights(np.zeros((3, 4), np.float32), 0)
    assert not nothing.stored.any()
    assert (nothing.scales > 0.5).all()


def test_weights_that_are_tiny_do_not_make_a_denormal_scale() -> None:
    stored = quantize_weights(np.full((2, 3), 1e-42, np.float32), 0)
    assert (stored.scales >= np.float32(SMALLEST_SCALE)).all()


@given(
    bias=hnp.arrays(np.float32, 4, elements=FINITE),
    input_scale=st.floats(min_value=1e-6, max_value=10),
    per_channel=st.booleans(),
)
def test_biases_fit_into_int32(bias: np.ndarray, input_scale: float, per_channel: bool) -> None:
    weights = np.full((4, 1000), 1e-6, np.float32)
    axis = 0 if per_channel else None
    floor = smallest_weight_scales(bias, input_scale, axis)
    quantized = quantize_weights(weights, axis, smallest_scales=floor)
    stored, scales = quantize_bias(bias, input_scale, quantized.scales)
    assert np.abs(stored.astype(np.int64)).max() <= 2**30 + 2**8
    np.testing.assert_allclose(stored * scales.astype(np.float64), bias, atol=float(scales.max()))


def test_a_bias_has_the_scale_of_the_sum() -> None:
    stored, scales = quantize_bias(np.array([1.0, -2.0], np.float32), 0.5, np.array([0.5, 0.25], np.float32))
    assert scales.tolist() == [0.25, 0.125]
    assert stored.tolist() == [4, -16]
    assert stored.dtype == np.int32


def test_a_bias_beyond_int32_saturates() -> None:
    stored, _ = quantize_bias(np.array([1e20], np.float32), 1e-6, np.array([1e-6], np.float32))
    assert stored[0] == np.iinfo(np.int32).max


@pytest.mark.parametrize("bound", [FULL_BOUND, REDUCED_BOUND])
def test_two_products_with_reduced_weights_fit_into_16_bits(bound: int) -> None:
    assert (2 * 255 * bound <= np.iinfo(np.int16).max) == (bound == REDUCED_BOUND)


@pytest.mark.parametrize("bias", [1e-4, 3.0, -1e3])
@pytest.mark.parametrize("axis", [0, None])
def test_a_channel_without_weights_keeps_its_bias(bias: float, axis: int | None) -> None:
    weights = np.zeros((2, 3), np.float32)
    if axis == 0:
        weights[0] = [1.0, -2.0, 3.0]
    biases, input_scale = np.array([0.5, bias]), 0.02
    floor = smallest_weight_scales(biases, input_scale, axis)
    found = quantize_weights(weights, axis, smallest_scales=floor)
    stored, scales = quantize_bias(biases, input_scale, found.scales)
    assert (stored * scales.astype(np.float64))[1] == pytest.approx(bias, rel=1e-4 if axis == 0 else 1e-2)
    np.testing.assert_array_equal(found.dequantize()[1], 0)
