"""Pooling against LiteRT."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from edgeinfer.errors import ModelError
from edgeinfer_converters.importers.tflite_graph.graph import import_graph
from tests.fixtures.tflite_graphs import Writer, agree, one_operator, options

KINDS = ["AVERAGE_POOL_2D", "MAX_POOL_2D"]
SAME, VALID = 0, 1
sides = st.tuples(st.integers(1, 9), st.integers(1, 9))
small = st.tuples(st.integers(1, 4), st.integers(1, 4))


@settings(max_examples=80)
@given(
    kind=st.sampled_from(KINDS), size=sides, kernel=small, stride=small, pad=st.sampled_from([SAME, VALID])
)
def test_pools(
    kind: str, size: tuple[int, int], kernel: tuple[int, int], stride: tuple[int, int], pad: int
) -> None:
    assume(pad == SAME or all(np.greater_equal(size, kernel)))
    made = options(
        "Pool2D",
        padding=pad,
        strideH=stride[0],
        strideW=stride[1],
        filterHeight=kernel[0],
        filterWidth=kernel[1],
    )
    agree(one_operator(kind, [(2, *size, 3)], made))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("activation", [1, 2, 3])
def test_fused_activations(kind: str, activation: int) -> None:
    made = options(
        "Pool2D", strideH=1, strideW=1, filterHeight=2, filterWidth=2, fusedActivationFunction=activation
    )
    agree(one_operator(kind, [(1, 4, 4, 3)], made))


@pytest.mark.parametrize("kind", KINDS)
def test_a_window_without_size(kind: str) -> None:
    writer = Writer()
    made = options("Pool2D", strideH=1, strideW=1, filterHeight=0, filterWidth=2)
    writer.graph.outputs = [writer.operator(kind, [writer.input(1, 4, 4, 3)], made)]
    with pytest.raises(ModelError, match="a window, stride or dilation of 0"):
        import_graph(writer.pack())


def test_a_tensor_that_is_no_picture() -> None:
    writer = Writer()
    made = options("Pool2D", strideH=1, strideW=1, filterHeight=1, filterWidth=1)
    writer.graph.outputs = [writer.operator("MAX_POOL_2D", [writer.input(4, 4, 3)], made)]
    with pytest.raises(ModelError, match="has rank 3, not 4"):
        import_graph(writer.pack())
