"""The ONNX file of a network, against the same network in NumPy."""

from __future__ import annotations

import numpy as np
import onnx
import onnxruntime
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scripts.parts.network_file import Convolution, Weights, build_onnx


def _random(rng: np.random.Generator, *shape: int) -> Weights:
    return rng.normal(0, 0.5, shape).astype(np.float32)


def _convolve(layer: Convolution, image: Weights) -> Weights:
    """A direct convolution and ReLU of (channels, height, width)."""
    outer, inner, size, _ = layer.weight.shape
    border = size // 2
    padded = np.pad(image, ((0, 0), (border, border), (border, border)))
    rows, columns = (-(-side // layer.stride) for side in image.shape[1:])
    out = np.empty((outer, rows, columns), np.float32)
    for channel in range(outer):
        first = (channel // (outer // layer.groups)) * inner
        for row in range(rows):
            for column in range(columns):
                y, x = row * layer.stride, column * layer.stride
                patch = padded[first : first + inner, y : y + size, x : x + size]
                out[channel, row, column] = (patch * layer.weight[channel]).sum() + layer.bias[channel]
    return np.maximum(out, 0)


@settings(max_examples=8, deadline=None)
@given(st.integers(0, 2**32 - 1), st.sampled_from([1, 2]))
def test_it_computes_what_the_layers_say(seed: int, stride: int) -> None:
    rng = np.random.default_rng(seed)
    layers = [
        Convolution(_random(rng, 4, 3, 3, 3), _random(rng, 4), stride=2, groups=1),
        Convolution(_random(rng, 4, 1, 3, 3), _random(rng, 4), stride=stride, groups=4),
        Convolution(_random(rng, 6, 4, 1, 1), _random(rng, 6), stride=1, groups=1),
    ]
    head, bias, image = _random(rng, 5, 6), _random(rng, 5), _random(rng, 3, 8, 12)
    value = image
    for layer in layers:
        value = _convolve(layer, value)
    expected = head @ value.max(axis=(1, 2)) + bias
    data = build_onnx(layers, head, bias, (3, 8, 12), (value.shape[1], value.shape[2]))
    session = onnxruntime.InferenceSession(data, providers=["CPUExecutionProvider"])
    (logits,) = session.run(None, {"image": image[None]})
    np.testing.assert_allclose(logits[0], expected, atol=1e-4, rtol=1e-4)


def test_a_grid_that_does_not_fit_is_noticed() -> None:
    rng = np.random.default_rng(0)
    layer = Convolution(_random(rng, 4, 3, 3, 3), _random(rng, 4), stride=2, groups=1)
    with pytest.raises(onnx.shape_inference.InferenceError):
        build_onnx([layer], _random(rng, 2, 4), _random(rng, 2), (3, 8, 8), (2, 2))
