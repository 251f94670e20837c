"""The graph while it is built."""

from __future__ import annotations

import numpy as np

from edgeinfer_converters.tflite.tensors import Graph, Quant


def test_equal_constants_are_stored_once() -> None:
    graph = Graph()
    one = graph.constant(np.arange(4, dtype=np.int32), "a")
    assert graph.constant(np.arange(4, dtype=np.int32), "b") == one
    assert graph.constant(np.arange(4, dtype=np.int64), "c") != one
    assert graph.constant(np.arange(4, dtype=np.int32).reshape(2, 2), "d") != one
    assert graph.constant(np.arange(4, dtype=np.int32), "e", Quant.whole(0.5, 0)) != one
    assert [tensor.name for tensor in graph.tensors] == ["a", "c", "d", "e"]


def test_scalars_and_turned_arrays_keep_their_shape() -> None:
    graph = Graph()
    scalar = graph.constant(np.array(3.0, np.float32), "scalar")
    turned = graph.constant(np.arange(6, dtype=np.float32).reshape(2, 3).T, "turned")
    assert graph.tensors[scalar].shape == ()
    assert graph.tensors[turned].shape == (3, 2)
    data = graph.tensors[turned].data
    assert data is not None
    assert data.flags.c_contiguous
    assert graph.tensors[turned].size == 6


def test_operators_and_scales() -> None:
    graph = Graph()
    source = graph.tensor("x", [1, 2], "float32")
    result = graph.tensor("y", (1, 2), "float32")
    operator = graph.add("LEAKY_RELU", [source], [result], alpha=0.5)
    assert graph.operators == [operator]
    assert operator.options == {"alpha": 0.5}
    assert graph.tensors[source].shape == (1, 2)
    assert not Quant.whole(0.1, 3).per_channel
    assert Quant((0.1, 0.2), (0, 0), 3).per_channel
