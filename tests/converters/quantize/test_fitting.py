"""Scales and rounding by the error of a product's output."""

from __future__ import annotations

import numpy as np
import onnx
import pytest
from onnx import helper

from edgeinfer_converters.quantize.columns import Columns
from edgeinfer_converters.quantize.fitting import fit_weights
from edgeinfer_converters.quantize.hessian import Gram, GramObserver
from edgeinfer_converters.quantize.weights import quantize_weights

CONV = helper.make_node("Conv", ["x", "w", "b"], ["y"], "conv")
DEPTHWISE = Columns(6, 1, 9, (3, 3), (1, 1), (1, 1, 1, 1), (1, 1))
FULL = Columns(1, 1, 54, (3, 3), (1, 1), (1, 1, 1, 1), (1, 1))


def pictures() -> list[np.ndarray]:
    """Smooth and positive, as activations are: neighbouring values are alike."""
    rng = np.random.default_rng(0)
    coarse = rng.normal(1, 1, (20, 1, 6, 4, 4)).astype(np.float32)
    return list(np.maximum(coarse.repeat(4, axis=3).repeat(4, axis=4), 0))


def gram_of(columns: Columns) -> Gram:
    observer = GramObserver(columns)
    for one in pictures():
        observer.update(one)
    return observer.result()


def output_errors(columns: Columns, weights: np.ndarray, rounded: np.ndarray, change: np.ndarray) -> float:
    difference = columns.arrange((rounded - weights).reshape(len(weights), -1).astype(np.float64))
    total = 0.0
    for index, one in enumerate(pictures()):
        outputs = np.einsum("rgw,gow->rgo", columns.take(one, index + 100), difference)
        total += float(np.square(outputs.reshape(len(outputs), -1) + change).sum())
    return total


@pytest.mark.parametrize(("columns", "into"), [(DEPTHWISE, 1), (FULL, 6)])
@pytest.mark.parametrize("bound", [7, 127])
def test_outputs_err_less_than_with_nearest_rounding(columns: Columns, into: int, bound: int) -> None:
    weights = np.random.default_rng(1).normal(size=(6, into, 3, 3)).astype(np.float32)
    fitted, change = fit_weights(CONV, weights, columns, gram_of(columns), axis=0, bound=bound)
    plain = quantize_weights(weights, 0, bound=bound)
    assert np.abs(fitted.stored.astype(int)).max() <= bound
    assert fitted.scales.shape == change.shape == (6,)
    error = output_errors(columns, weights, fitted.dequantize(), change)
    assert error < 0.8 * output_errors(columns, weights, plain.dequantize(), np.zeros(6))


def test_one_scale_for_all() -> None:
    weights = np.random.default_rng(1).normal(size=(6, 6, 3, 3)).astype(np.float32)
    fitted, _ = fit_weights(CONV, weights, FULL, gram_of(FULL), axis=None, bound=127)
    assert fitted.scales.shape == ()
    assert fitted.scales == np.float32(np.abs(weights).max() / 127)


def test_the_bias_keeps_the_mean() -> None:
    weights = np.random.default_rng(1).normal(size=(6, 1, 3, 3)).astype(np.float32)
    gram = gram_of(DEPTHWISE)
    fitted, change = fit_weights(CONV, weights, DEPTHWISE, gram, axis=0, bound=7)
    lost = ((weights - fitted.dequantize()).reshape(6, 9) * gram.means).sum(axis=1)
    np.testing.assert_allclose(change, lost, atol=1e-5)


def test_floors_of_scales_are_kept() -> None:
    weights = np.random.default_rng(1).normal(size=(6, 1, 3, 3)).astype(np.float32)
    floor = np.full(6, 0.5)
    fitted, _ = fit_weights(
        CONV, weights, DEPTHWISE, gram_of(DEPTHWISE), axis=0, bound=127, smallest_scales=floor
    )
    assert (fitted.scales >= 0.5).all()


def test_a_matrix_product_that_is_stored_across() -> None:
    node: onnx.NodeProto = helper.make_node("Gemm", ["x", "w", "b"], ["y"], "gemm")
    weights = np.random.default_rng(1).normal(size=(8, 3)).astype(np.float32)
    columns = Columns(1, 1, 8)
    gram = Gram(np.eye(8)[None], np.zeros((1, 8)), 10)
    fitted, change = fit_weights(node, weights, columns, gram, axis=1, bound=127)
    assert fitted.stored.shape == (8, 3)
    assert fitted.stored.flags.c_contiguous
    assert np.abs(fitted.dequantize() - weights).max() < 0.02
    assert change.tolist() == [0, 0, 0]
