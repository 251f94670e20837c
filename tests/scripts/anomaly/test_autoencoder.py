"""The autoencoder: its gradients, its training, its ONNX file."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scripts.anomaly.autoencoder import Autoencoder, Floats, _gradients, _random_model, build_onnx, train


def _waves(count: int, length: int, seed: int = 0) -> Floats:
    rng = np.random.default_rng(seed)
    phase = rng.uniform(0, 2 * np.pi, (count, 1))
    waves = np.sin(2 * np.pi * np.arange(length) / length + phase) + rng.normal(0, 0.03, (count, length))
    return np.asarray(waves * np.sqrt(2), np.float32)


def _loss(model: Autoencoder, rows: Floats) -> float:
    return float(np.mean((model(rows).astype(np.float64) - rows) ** 2))


def test_gradients_are_those_of_the_loss() -> None:
    rng = np.random.default_rng(3)
    rows: Any = rng.normal(0, 1, (7, 6))  # in double precision, so that differences can be taken
    random = _random_model((6, 5, 2, 5, 6), rng)
    weights: Any = tuple(one.astype(np.float64) for one in random.weights)
    biases: Any = tuple(one.astype(np.float64) for one in random.biases)
    model: Any = Autoencoder(weights, biases)
    for parameter, gradient in zip([*weights, *biases], _gradients(model, rows), strict=True):
        place = tuple(int(rng.integers(0, side)) for side in parameter.shape)
        before, losses = parameter[place], []
        for step in (1e-6, -1e-6):
            parameter[place] = before + step
            losses.append(_loss(model, rows))
        parameter[place] = before
        assert gradient[place] == pytest.approx((losses[0] - losses[1]) / 2e-6, abs=1e-6)


def test_training_learns_what_is_normal_and_nothing_else() -> None:
    model = train(_waves(600, 16), hidden=24, code=4, epochs=60, seed=0)
    usual = _waves(200, 16, seed=1)
    odd = usual.copy()
    odd[:, 6:10] = 2.5
    assert _loss(model, usual) < 0.15
    assert _loss(model, odd) > 5 * _loss(model, usual)


def test_the_code_cannot_follow_a_signal_to_new_heights() -> None:
    model = train(_waves(600, 16), hidden=24, code=4, epochs=60, seed=0)
    assert _loss(model, 4 * _waves(50, 16, seed=2)) > 3


def test_the_same_seed_gives_the_same_model() -> None:
    one, same, other = (train(_waves(100, 8), hidden=6, code=2, epochs=3, seed=seed) for seed in (1, 1, 2))
    assert build_onnx(one, 8, 1) == build_onnx(same, 8, 1)
    assert build_onnx(one, 8, 1) != build_onnx(other, 8, 1)


@settings(max_examples=10, deadline=None)
@given(st.integers(2, 9), st.integers(1, 3), st.booleans(), st.integers(0, 2**32 - 1))
def test_the_onnx_file_computes_what_numpy_does(length: int, columns: int, center: bool, seed: int) -> None:
    rng = np.random.default_rng(seed)
    size = length * columns
    model = _random_model((size, 5, 3, 5, size), rng)
    window = rng.normal(0, 1, (1, length, columns)).astype(np.float32)
    level = window.mean(axis=1, keepdims=True) if center else np.zeros((1, 1, columns), np.float32)
    expected = model((window - level).reshape(1, -1)).reshape(window.shape) + level
    data = build_onnx(model, length, columns, center=center)
    session = onnxruntime.InferenceSession(data, providers=["CPUExecutionProvider"])
    (rebuilt,) = session.run(None, {"window": window})
    np.testing.assert_allclose(rebuilt, expected, atol=1e-4, rtol=1e-4)


def test_the_onnx_file_is_plain_and_small() -> None:
    data = build_onnx(_random_model((32, 16, 4, 16, 32), np.random.default_rng(0)), 32, 1)
    graph = onnx.load_from_string(data)
    assert [node.op_type for node in graph.graph.node] == [
        *("Flatten", "Gemm", "Relu", "Gemm", "Clip", "Gemm", "Relu", "Gemm", "Reshape")
    ]
    assert graph.opset_import[0].version == 17
    assert len(data) < 10_000
