"""Activation functions against LiteRT."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from edgeinfer.errors import ModelError
from edgeinfer_converters.importers.tflite_graph.graph import import_graph
from tests.fixtures.tflite_graphs import (
    Writer,
    agree,
    one_operator,
    options,
    random_inputs,
    run_litert,
    run_onnx,
)

PLAIN = ["RELU", "RELU6", "RELU_N1_TO_1", "RELU_0_TO_1", "LOGISTIC", "TANH", "ELU", "HARD_SWISH"]
WIDE = np.linspace(-12, 12, 4001, dtype=np.float32)


@pytest.mark.parametrize("kind", PLAIN)
def test_over_a_wide_range(kind: str) -> None:
    agree(one_operator(kind, [(4001,)]), {"input_0": WIDE}, tolerance=2e-6)


@pytest.mark.parametrize("alpha", [0.0, 0.01, 0.3, 1.5])
def test_leaky_relu(alpha: float) -> None:
    agree(one_operator("LEAKY_RELU", [(4001,)], options("LeakyRelu", alpha=alpha)), {"input_0": WIDE})


@pytest.mark.parametrize("approximate", [False, True])
def test_gelu(approximate: bool) -> None:
    made = options("Gelu", approximate=approximate)
    # The delegate's own approximations are off by more than the reference kernels'.
    agree(one_operator("GELU", [(4001,)], made), {"input_0": WIDE}, tolerance=1e-5, delegates=False)


@pytest.mark.parametrize("shape", [(3,), (1, 1, 3), (5, 4, 3), (1, 1, 1)])
def test_prelu(shape: tuple[int, ...]) -> None:
    slopes = np.random.default_rng(2).normal(size=shape).astype(np.float32)
    agree(one_operator("PRELU", [(2, 5, 4, 3), slopes], None))


@pytest.mark.parametrize("kind", [*PLAIN, "GELU", "LEAKY_RELU", "PRELU"])
def test_behind_a_convolution_in_its_layout(kind: str) -> None:
    writer = Writer()
    rng = np.random.default_rng(3)
    inputs = [
        writer.input(1, 6, 5, 3),
        writer.constant(rng.normal(size=(4, 3, 3, 3))),
        writer.constant(rng.normal(size=4)),
    ]
    name = writer.operator("CONV_2D", inputs, options("Conv2D", strideH=1, strideW=1))
    more = [writer.constant(rng.normal(size=(1, 1, 4)))] if kind == "PRELU" else []
    made: dict[str, Any] = {"GELU": options("Gelu"), "LEAKY_RELU": options("LeakyRelu", alpha=0.1)}
    data = writer.finish(writer.operator(kind, [name, *more], made.get(kind)))
    agree(data, delegates=False)
    kinds = [node.op_type for node in import_graph(data).graph.node]
    assert (kinds[0], kinds[-1], kinds.count("Transpose")) == ("Transpose", "Transpose", 2)


def test_a_fused_tanh_is_computed() -> None:
    """LiteRT's own kernels leave it out: it is held against theirs without it."""
    found = []
    for activation in (0, 4):
        data = one_operator("ADD", [(7,), (7,)], options("Add", fusedActivationFunction=activation))
        found.append(data)
    inputs = random_inputs(found[0])
    (plain,) = run_litert(found[0], inputs).values()
    (bent,) = run_onnx(import_graph(found[1]), inputs).values()
    np.testing.assert_allclose(bent, np.tanh(plain), rtol=1e-5)


def test_a_fused_activation_that_nobody_has() -> None:
    writer = Writer()
    made = options("Add", fusedActivationFunction=5)
    writer.graph.outputs = [writer.operator("ADD", [writer.input(3), writer.input(3)], made)]
    with pytest.raises(ModelError, match="fused activation is number 5"):
        import_graph(writer.pack())
