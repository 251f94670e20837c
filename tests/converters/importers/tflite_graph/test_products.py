"""Matrix products against LiteRT."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edgeinfer.errors import ModelError
from edgeinfer_converters.importers.tflite_graph.graph import import_graph
from tests.fixtures.tflite_graphs import Writer, agree, one_operator, options

RNG = np.random.default_rng(4)


def weights(*shape: int) -> np.ndarray:
    return RNG.normal(size=shape).astype(np.float32)


@pytest.mark.parametrize("activation", [0, 1, 2, 3])
@pytest.mark.parametrize("biased", [False, True])
def test_fully_connected(activation: int, biased: bool) -> None:
    bias = [weights(4)] if biased else []
    made = options("FullyConnected", fusedActivationFunction=activation)
    data = one_operator("FULLY_CONNECTED", [(3, 6), weights(4, 6), *bias], made)
    agree(data)
    assert import_graph(data).graph.node[0].op_type == "Gemm"


@pytest.mark.parametrize("keep", [False, True])
@pytest.mark.parametrize("shape", [(6,), (2, 6), (2, 3, 6), (2, 3, 2, 6)])
@pytest.mark.parametrize("biased", [False, True])
def test_data_with_more_axes(shape: tuple[int, ...], keep: bool, biased: bool) -> None:
    if len(shape) == 1 and keep:
        return
    bias = [weights(4)] if biased else []
    made = options("FullyConnected", keepNumDims=keep)
    agree(one_operator("FULLY_CONNECTED", [shape, weights(4, 6), *bias], made))


def test_pictures_are_flattened() -> None:
    agree(
        one_operator("FULLY_CONNECTED", [(2, 2, 3, 1), weights(4, 6), weights(4)], options("FullyConnected"))
    )


def test_weights_that_are_computed() -> None:
    agree(one_operator("FULLY_CONNECTED", [(2, 6), (4, 6)], options("FullyConnected")))


@settings(max_examples=30)
@given(x=st.booleans(), y=st.booleans(), constant=st.booleans(), batch=st.sampled_from([(), (2,), (2, 3)]))
def test_batch_matmul(x: bool, y: bool, constant: bool, batch: tuple[int, ...]) -> None:
    left = (*batch, 5, 4) if x else (*batch, 4, 5)
    right = (*batch, 3, 5) if y else (*batch, 5, 3)
    second = weights(*right) if constant else right
    agree(one_operator("BATCH_MATMUL", [left, second], options("BatchMatMul", adjX=x, adjY=y)))


def test_weights_of_another_rank_and_order() -> None:
    writer = Writer()
    inputs = [writer.input(1, 6), writer.constant(weights(6))]
    writer.graph.outputs = [writer.operator("FULLY_CONNECTED", inputs, options("FullyConnected"))]
    with pytest.raises(ModelError, match="have rank 1, not 2"):
        import_graph(writer.pack())
    writer.graph.operators[0].builtinOptions.weightsFormat = 1
    with pytest.raises(ModelError, match="weights are shuffled"):
        import_graph(writer.pack())
    made = options("BatchMatMul", adjY=True)
    writer.graph.outputs = [writer.operator("BATCH_MATMUL", inputs, made)]
    with pytest.raises(ModelError, match="has rank 1, and 2 are needed"):
        import_graph(writer.pack())
