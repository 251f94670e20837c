"""Models with only the weights, or only the activations, at 8 bits."""

from __future__ import annotations

import numpy as np
import onnx
import onnxruntime
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from edgeinfer.frames import Array
from edgeinfer.profile import Integer
from edgeinfer_converters.quantize.static import quantize_int8
from scripts.quantization.limits import (
    KEEP_FLOAT_WEIGHTS,
    activations_only,
    fake_quantize,
    round_weights,
    weights_only,
)
from tests.fixtures.graphs import classifier, ranges_of, residual, samples_of, silu, sqnr_db

GRAPHS = {"classifier": classifier, "residual": residual, "silu": silu}


def _outputs(model: onnx.ModelProto, inputs: list[dict[str, Array]]) -> Array:
    session = onnxruntime.InferenceSession(
        model.SerializeToString(), providers=["CPUExecutionProvider"], disabled_optimizers=KEEP_FLOAT_WEIGHTS
    )
    return np.concatenate([session.run(None, one)[0].reshape(-1) for one in inputs])


@pytest.mark.parametrize("name", GRAPHS)
def test_each_alone_is_nearer_to_float_than_both(name: str) -> None:
    model = GRAPHS[name]()
    quantized = quantize_int8(model, ranges_of(model), Integer(activation="uint8"))
    inputs = list(samples_of(model, 8, seed=3))
    reference = _outputs(model, inputs)
    both = sqnr_db(reference, _outputs(quantized, inputs))
    weights = sqnr_db(reference, _outputs(weights_only(model, quantized), inputs))
    activations = sqnr_db(reference, _outputs(activations_only(model, quantized), inputs))
    assert 20 < both < min(weights, activations) + 1.0
    assert max(weights, activations) < 90  # both are rounded


@pytest.mark.parametrize("name", GRAPHS)
def test_only_what_is_meant_changes(name: str) -> None:
    model = GRAPHS[name]()
    before = model.SerializeToString(deterministic=True)
    quantized = quantize_int8(model, ranges_of(model), Integer(activation="uint8"))
    weights = weights_only(model, quantized)
    assert [node.op_type for node in weights.graph.node] == [node.op_type for node in model.graph.node]
    activations = activations_only(model, quantized)
    makers = {output: node for node in activations.graph.node for output in node.output}
    constants = {tensor.name for tensor in activations.graph.initializer}
    convolutions = [node for node in activations.graph.node if node.op_type == "Conv"]
    assert convolutions
    for node in convolutions:
        assert set(node.input[1:]) <= constants
        assert makers[node.input[0]].op_type == "DequantizeLinear"
    assert model.SerializeToString(deterministic=True) == before


def test_rounded_weights_cost_a_little() -> None:
    model = residual()
    inputs = list(samples_of(model, 8))
    found = sqnr_db(_outputs(model, inputs), _outputs(round_weights(model), inputs))
    assert 30 < found < 60


def test_rounding_by_hand() -> None:
    values = np.array([[127.0, 0.4, -0.6], [0.0, 0.0, 0.0], [1.27, -0.014, 0.0]], np.float32)
    expected = [[127.0, 0.0, -1.0], [0.0, 0.0, 0.0], [1.27, -0.01, 0.0]]
    np.testing.assert_allclose(fake_quantize(values, 0), expected, rtol=1e-5, atol=1e-7)


FILTERS = hnp.arrays(
    np.float32,
    hnp.array_shapes(min_dims=2, max_dims=4, max_side=4),
    elements=st.floats(-1000, 1000, width=32).filter(lambda one: one == 0 or abs(one) > 1e-3),
)


@given(FILTERS, st.booleans())
def test_rounding_errs_by_half_a_step_at_most(values: Array, per_channel: bool) -> None:
    axis = 0 if per_channel else None
    others = tuple(range(1 if per_channel else 0, values.ndim))
    steps = np.abs(values).max(axis=others, keepdims=True) / 127
    assert np.all(np.abs(fake_quantize(values, axis) - values) <= steps * 0.5001)
