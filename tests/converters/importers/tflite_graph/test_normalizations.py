"""Normalizations over the last axis against LiteRT."""

from __future__ import annotations

import numpy as np
import pytest

from edgeinfer_converters.importers.tflite_graph.graph import import_graph
from tests.fixtures.tflite_graphs import Writer, agree, one_operator, options

MADE = {
    "SOFTMAX": options("Softmax", beta=1.0),
    "LOG_SOFTMAX": options("LogSoftmax"),
    "L2_NORMALIZATION": options("L2Norm"),
}
SHAPES = [(3, 7), (2, 3, 5), (2, 3, 4, 5)]


@pytest.mark.parametrize("kind", MADE)
@pytest.mark.parametrize("shape", SHAPES)
def test_over_the_last_axis(kind: str, shape: tuple[int, ...]) -> None:
    agree(one_operator(kind, [shape], MADE[kind]))


@pytest.mark.parametrize("beta", [0.25, 3.0])
def test_a_sharper_or_blunter_softmax(beta: float) -> None:
    agree(one_operator("SOFTMAX", [(3, 7)], options("Softmax", beta=beta)))


@pytest.mark.parametrize("size", [0.0, 1e-9, 1e-7, 1e-5])
def test_vectors_of_hardly_any_length(size: float) -> None:
    values = np.array([[size, -size, 0.0]], np.float32)
    agree(one_operator("L2_NORMALIZATION", [(1, 3)], MADE["L2_NORMALIZATION"]), {"input_0": values})


@pytest.mark.parametrize("kind", MADE)
def test_behind_a_convolution(kind: str) -> None:
    writer = Writer()
    rng = np.random.default_rng(8)
    inputs = [
        writer.input(1, 6, 5, 3),
        writer.constant(rng.normal(size=(4, 1, 1, 3))),
        writer.constant(rng.normal(size=4)),
    ]
    name = writer.operator("CONV_2D", inputs, options("Conv2D", strideH=1, strideW=1))
    data = writer.finish(writer.operator(kind, [name], MADE[kind]))
    agree(data)
    kinds = [node.op_type for node in import_graph(data).graph.node]
    assert kinds.count("Transpose") == 2
