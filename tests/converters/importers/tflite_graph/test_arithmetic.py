"""Sums, products, powers and functions of one number against LiteRT."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edgeinfer_converters.importers.tflite_graph.graph import import_graph
from tests.fixtures.tflite_graphs import Writer, agree, one_operator, options

RNG = np.random.default_rng(5)
FUSING = {"ADD": "Add", "SUB": "Sub", "MUL": "Mul", "DIV": "Div"}
BINARY = [*FUSING, "MAXIMUM", "MINIMUM", "SQUARED_DIFFERENCE"]
SIGNED = ["ABS", "NEG", "SIN", "COS", "FLOOR", "CEIL", "ROUND", "SQUARE", "EXP", "SIGN"]
POSITIVE = ["SQRT", "RSQRT", "LOG"]


def made(kind: str, **values: int) -> Any:
    return options(FUSING[kind], **values) if kind in FUSING else None


@settings(max_examples=80)
@given(
    kind=st.sampled_from(BINARY),
    shapes=st.sampled_from(
        [((2, 3), (2, 3)), ((2, 3), (3,)), ((3,), (2, 3)), ((2, 3), ()), ((2, 1, 4), (1, 3, 1)), ((4,), (1,))]
    ),
    constant=st.booleans(),
)
def test_two_numbers(kind: str, shapes: tuple[tuple[int, ...], tuple[int, ...]], constant: bool) -> None:
    second: Any = np.asarray(RNG.uniform(0.5, 2, size=shapes[1]), np.float32) if constant else shapes[1]
    agree(one_operator(kind, [shapes[0], second], made(kind)))


@pytest.mark.parametrize("kind", FUSING)
@pytest.mark.parametrize("activation", [1, 2, 3])
def test_fused_activations(kind: str, activation: int) -> None:
    agree(one_operator(kind, [(50,), (50,)], made(kind, fusedActivationFunction=activation)))


@pytest.mark.parametrize("kind", SIGNED)
def test_one_number(kind: str) -> None:
    values = np.concatenate([np.arange(-8, 8, 0.5), RNG.normal(size=100) * 4]).astype(np.float32)
    agree(one_operator(kind, [(len(values),)]), {"input_0": values})


@pytest.mark.parametrize("kind", POSITIVE)
def test_one_positive_number(kind: str) -> None:
    values = RNG.uniform(1e-4, 30, size=100).astype(np.float32)
    agree(one_operator(kind, [(100,)]), {"input_0": values})


def test_powers() -> None:
    inputs = {
        "input_0": RNG.uniform(0.1, 3, size=(4, 5)).astype(np.float32),
        "input_1": RNG.uniform(-2, 2, size=(4, 5)).astype(np.float32),
    }
    agree(one_operator("POW", [(4, 5), (4, 5)], None), inputs)


@pytest.mark.parametrize("kind", ["FLOOR_DIV", "FLOOR_MOD"])
@pytest.mark.parametrize("dtype", ["float32", "int32"])
def test_division_that_rounds_down(kind: str, dtype: str) -> None:
    writer = Writer()
    names = [writer.input(49, dtype=dtype), writer.input(49, dtype=dtype)]
    data = writer.finish(writer.operator(kind, names, None, dtype=dtype))
    left, right = np.meshgrid(np.array([-7, -6, -1, 0, 1, 6, 7]), np.array([-4, -3, -2, 2, 3, 4, 7]))
    scale = 0.5 if dtype == "float32" else 1
    agree(data, {"input_0": (left.ravel() * scale).astype(dtype), "input_1": right.ravel().astype(dtype)})


@pytest.mark.parametrize("kind", [*FUSING, "MAXIMUM", "MINIMUM"])
def test_integers(kind: str) -> None:
    writer = Writer()
    names = [writer.input(12, dtype="int32"), writer.input(12, dtype="int32")]
    data = writer.finish(writer.operator(kind, names, made(kind), dtype="int32"))
    left = RNG.integers(-20, 20, size=12).astype(np.int32)
    agree(data, {"input_0": left, "input_1": np.full(12, 3, np.int32)})


def test_a_sum_of_many() -> None:
    agree(one_operator("ADD_N", [(2, 3), (2, 3), (2, 3)], options("AddN")))


@pytest.mark.parametrize("kind", [*BINARY, "EXP", "SQUARE", "RSQRT"])
def test_between_convolutions_without_a_transpose(kind: str) -> None:
    """Constants of every rank are permuted with the data."""
    for shape in ((4,), (1, 4), (5, 1, 4), (1, 6, 5, 4), (1,), ()):
        writer = Writer()
        name = writer.input(1, 6, 5, 4)
        kernel = writer.constant(RNG.uniform(0.1, 1, size=(4, 1, 1, 4)))
        bias = writer.constant(RNG.normal(size=4) + 60)
        plain = options("Conv2D", strideH=1, strideW=1, fusedActivationFunction=1)
        name = writer.operator("CONV_2D", [name, kernel, bias], plain)
        if shape == (5, 1, 4):
            shape = (6, 1, 4)
        second = [writer.constant(RNG.uniform(0.5, 2, size=shape))] if kind in BINARY else []
        name = writer.operator(kind, [name, *second], made(kind))
        name = writer.operator("CONV_2D", [name, kernel, bias], plain)
        data = writer.finish(name)
        if kind != "EXP":
            agree(data)
        kinds = [node.op_type for node in import_graph(data).graph.node]
        assert kinds.count("Transpose") == 2
